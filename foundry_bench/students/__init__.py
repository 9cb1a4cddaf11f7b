"""Students: backbones that do with fewer tokens, one file a variant."""

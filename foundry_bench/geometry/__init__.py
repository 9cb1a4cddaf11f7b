"""From points to patches: farthest point sampling, nearest neighbours, grouping. Float32 always."""

"""MACs of the parts of teacher and student on paper, to check counters with.

A MAC is one multiplication with its addition; FLOPs are twice as many. Biases, norms, activations
and maxima count nothing, as is usual. D width, S tokens in the encoder.
"""

import itertools

POSITION_HIDDEN = 128


def tokenizer_macs(
    patches: int,
    patch_size: int,
    widths: tuple[int, int, int],
    width: int,
    *,
    concatenated: bool = True,
) -> int:
    """Of a cloud in the mini-PointNet.

    `concatenated`: the third layer sees maximum and point side by side at every point, as the
    published code has it; otherwise its part for the maximum is applied once a patch, as ours does.
    """
    first, pooled, hidden = widths
    once, each = (0, 2 * pooled) if concatenated else (pooled, pooled)
    per_point = 3 * first + first * pooled + each * hidden + hidden * width
    return patches * (patch_size * per_point + once * hidden)


def position_macs(tokens: int, width: int, hidden: int = POSITION_HIDDEN) -> int:
    """Of the position MLP 3 -> hidden -> D."""
    return tokens * (3 * hidden + hidden * width)


def attention_macs(queries: int, keys: int, width: int) -> int:
    """Of q·k and attention·v, between tokens (`queries` = `keys`) or from one set to another."""
    return 2 * queries * keys * width


def encoder_macs(
    tokens: int, width: int, depth: int, *, mlp_ratio: int = 4, with_attention: bool = True
) -> int:
    """Of a ViT on `tokens` tokens: projections and MLPs, 12 D² a token and block at ratio 4.

    `with_attention`: the products q·k and attention·v too, 2 S² D a block, which the paper's
    figures leave out.
    """
    projections = (4 + 2 * mlp_ratio) * width * width * tokens
    products = attention_macs(tokens, tokens, width) if with_attention else 0
    return depth * (projections + products)


def compression_macs(tokens: int, supertokens: int, width: int) -> int:
    """Of the cross-attention `dso_pos` that compresses: queries of the SuperTokens, keys of content
    and of position, values; then q·k, and the assignment times the values and times the positions.
    """
    projections = (supertokens + 3 * tokens) * width**2
    return projections + attention_macs(supertokens, tokens, width) + supertokens * tokens * width


def segmentation_head_macs(
    points: int,
    tokens: int,
    width: int,
    *,
    categories: int,
    parts: int,
    propagation: tuple[int, int],
    hidden: tuple[int, int],
    label_width: int = 64,
) -> int:
    """Of the head that labels each point: layers on a token, once a cloud, and on a point, where
    features of all tokens are weighed although three of the weights are not zero.
    """
    once = categories * label_width + (2 * width + label_width) * hidden[0]
    widths = (*propagation, *hidden, parts)
    chain = sum(first * second for first, second in itertools.pairwise(widths))
    return tokens * width * widths[0] + once + points * ((3 + tokens) * widths[0] + chain)


def upsample_macs(tokens: int, width: int, *, mlp_ratio: float = 1.0) -> int:
    """Of the upsampling MLP, without routing the SuperTokens back."""
    return int(tokens * 2 * width * width * mlp_ratio)

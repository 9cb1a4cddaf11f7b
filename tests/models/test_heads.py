import torch

from foundry_bench.models.heads import ClassificationHead, pool


def test_pool_is_maximum_then_mean() -> None:
    tokens = torch.tensor([[[1.0, -4.0], [3.0, -2.0]]])
    assert pool(tokens).tolist() == [[3.0, -2.0, 2.0, -3.0]]


def test_logits_per_class_whatever_the_order_of_tokens() -> None:
    head = ClassificationHead(24, 5).eval()
    tokens = torch.randn(3, 8, 24)
    assert head(tokens).shape == (3, 5)
    torch.testing.assert_close(head(tokens.flip(1)), head(tokens))


def test_dropout_acts_in_training_only() -> None:
    tokens = torch.randn(4, 8, 24)
    head = ClassificationHead(24, 5, dropout=0.5)
    assert not torch.equal(head(tokens), head(tokens))
    assert torch.equal(head.eval()(tokens), head(tokens))

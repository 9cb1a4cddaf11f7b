"""What a backbone is asked to do: a dataset, a protocol and a metric."""

"""What tests share: oracles, generated inputs, and processes."""

"""What `benchmarks/peers.py` compares: the workloads, and the engines that run them."""

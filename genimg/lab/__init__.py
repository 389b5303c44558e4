"""Experiments: what they train and measure, as records with seeds; `reruns` compares two of them."""

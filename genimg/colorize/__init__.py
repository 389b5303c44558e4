"""Colour from grey: ChromaGAN, what it is compared with, and how its pictures are judged."""

"""Elliptical Attention: queries stretched along channels that change between layers."""

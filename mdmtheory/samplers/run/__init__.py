"""Running samplers: one loop for plans, one for policies, one for kernels, and what they share."""

"""Drawing tokens: uniforms keyed by row, the inverse CDF, and changes of the law before a draw."""

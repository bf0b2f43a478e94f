"""side - the side-by-side figures: bench/run puts these parts together"""

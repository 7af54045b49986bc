"""How a frame is dreamed: networks, objectives, tiles, temporal terms, the dreamer."""

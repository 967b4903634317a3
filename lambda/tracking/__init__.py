"""The signed tracking API: POST /track, POST /track/batch, GET /status, GET /updates."""

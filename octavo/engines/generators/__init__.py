"""What writes text, one module each: an endpoint that speaks OpenAI's protocol, and the local stand-in."""

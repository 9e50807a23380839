"""Where the companion keeps things: thin classes at Rasa's joints over SQLAlchemy, redis-py and aio-pika."""

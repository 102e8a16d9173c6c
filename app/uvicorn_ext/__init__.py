"""Extensions of uvicorn: deadlines, shared frames, responses in one piece."""

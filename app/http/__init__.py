"""GraphQL over HTTP: negotiation, responses, compression, Server-Sent Events."""

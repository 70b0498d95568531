"""Administrate as the sandbox knows it: OAuth, one GraphQL endpoint, outbound webhooks.

`core` answers requests; `world` holds the records and their indexes; `people`, `catalogue`, `training` and `learners` are what can be
done to them, by mutation or by a person on a screen; `queries` and `mutations` tie them to `schema.graphql`; `hooks` is the vendor's
outbox. Nothing here reads a clock or opens a socket.
"""

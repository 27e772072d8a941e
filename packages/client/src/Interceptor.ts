/**
 * A program's own code around each request that the client sends: to sign it, measure it, answer it from elsewhere, send
 * it again.
 *
 * The first of a list is the outermost: it sees a request first and its answer last. Each passes on what it wants to be
 * sent with `next`, as often as it likes, or answers by itself with `localResponse`. What the client does on its own, such
 * as sending a request again on another connection, happens below; a redirect that is followed is a request of its own.
 * Whoever takes an answer and does not give it on reads its body, or discards it.
 */
import type { Effect } from "effect"
import type { ClientError } from "./ClientError.ts"
import type { ClientRequest, ClientResponse } from "./Request.ts"

/** Sends a request. */
export type Send = (request: ClientRequest) => Effect.Effect<ClientResponse, ClientError>

export type Interceptor = (request: ClientRequest, next: Send) => Effect.Effect<ClientResponse, ClientError>

/** `send` itself where there are none. */
export const intercept = (send: Send, interceptors: ReadonlyArray<Interceptor>): Send =>
  interceptors.reduceRight<Send>((next, interceptor) => (request) => interceptor(request, next), send)

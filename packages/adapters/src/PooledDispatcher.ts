/**
 * undici's `Dispatcher` over a client: for `fetch(url, { dispatcher })` of Node, and for code written for undici.
 *
 * The request is the client's own: its pool, its retries, its strictness, its time limits. What undici's contract has and
 * this one does not: `dispatch` always returns true (who comes too much is refused by the pool's limits, with an error),
 * there are no `connect`, `disconnect` and `drain` events, and pipelining does not exist.
 */
import { Buffer } from "node:buffer"
import type { ClientResponse, WeirClientService } from "@weir/client"
import { type Client, serviceOf, WeirError } from "@weir/fetch"
import { Cause, Effect, Exit } from "effect"
import { AdapterError, dispatchError } from "./AdapterError.ts"
import {
  buffersOf,
  type DispatchController,
  type DispatchHandler,
  fieldsOf,
  type NewHandler,
  newHandler
} from "./DispatchHandler.ts"
import { type DispatchOptions, requestOf } from "./DispatchRequest.ts"
import { Inactivity } from "./Inactivity.ts"
import { UpgradedSocket } from "./UpgradedSocket.ts"

export interface PooledDispatcher {
  readonly dispatch: (options: DispatchOptions, handler: DispatchHandler) => boolean
  /** Closes the client: refuses new calls and lets the running ones finish. */
  readonly close: () => Promise<void>
  /** Closes the client at once. */
  readonly destroy: () => Promise<void>
}

/**
 * The dispatcher. `base`, an object of undici's own class (`new Dispatcher()`), becomes it: then it has `request`,
 * `stream` and `compose` too, and is one for `instanceof`.
 */
export const createDispatcher = <B extends object = object>(client: Client, base?: B): B & PooledDispatcher => {
  const service = serviceOf(client)
  const dispatcher: PooledDispatcher = {
    dispatch: (options, handler) => {
      new Exchange(service, newHandler(handler)).begin(options)
      return true
    },
    close: () => client.close(),
    destroy: () => client.close(0)
  }
  return Object.assign(base ?? Object.create(null), dispatcher)
}

/** One request and its answer. The handler hears of an error or of an end, once. */
class Exchange implements DispatchController {
  aborted = false
  paused = false
  reason: Error | null = null
  rawHeaders: Array<Buffer> | null = null
  rawTrailers: Array<Buffer> | null = null
  readonly #service: WeirClientService
  readonly #handler: NewHandler
  readonly #inactivity = new Inactivity(() => this.#timeOut())
  #cancel: (() => void) | undefined
  #response: ClientResponse | undefined
  #isPiped = false
  #isOver = false
  #bodyMillis: number | undefined

  constructor(service: WeirClientService, handler: NewHandler) {
    this.#service = service
    this.#handler = handler
  }

  begin(options: DispatchOptions): void {
    this.#tell(() => this.#handler.onRequestStart?.(this, {}))
    if (this.#isOver) return
    const { origin } = options
    if (origin === undefined || !URL.canParse(origin)) {
      this.#fail(new WeirError("WEIR_INVALID_REQUEST", `the origin is no URL: ${String(origin)}`))
      return
    }
    this.#bodyMillis = options.bodyTimeout ?? undefined
    this.#inactivity.watch(options.headersTimeout ?? 0)
    const answer = Effect.flatMap(this.#service.origin(new URL(origin)), (known) =>
      Effect.flatMap(Effect.try({ try: () => requestOf(options, known), catch: (cause) => cause }), (request) =>
        this.#service.execute({ ...request, onInformational: (head) => this.#tellHead(head) })
      )
    )
    const cancel = Effect.runCallback(answer, {
      onExit: (exit) => {
        this.#cancel = undefined
        if (Exit.isFailure(exit)) this.#fail(Cause.squash(exit.cause))
        else if (this.#isOver) exit.value.discard()
        else this.#receive(exit.value)
      }
    })
    // It may have ended before this.
    if (!this.#isOver && this.#response === undefined) this.#cancel = cancel
  }

  abort(reason: Error): void {
    if (this.#isOver) return
    this.aborted = true
    this.reason = reason
    this.#end()
    this.#cancel?.()
    this.#response?.discard()
    this.#handler.onResponseError?.(this, reason)
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    if (this.#isPiped) this.#response?.resume()
    else this.#pipe()
  }

  #receive(response: ClientResponse): void {
    this.#response = response
    const { head, upgraded } = response
    if (upgraded !== undefined) {
      this.#end()
      this.rawHeaders = buffersOf(head.headers)
      const socket = new UpgradedSocket(upgraded)
      this.#tell(() => this.#handler.onRequestUpgrade?.(this, head.status, fieldsOf(head.headers), socket))
      return
    }
    this.#inactivity.watch(this.#bodyMillis ?? 0)
    this.#tell(() => this.#handler.onResponseStarted?.())
    this.#tellHead(head)
    if (!this.paused) this.#pipe()
  }

  #pipe(): void {
    const response = this.#response
    if (response === undefined || this.#isPiped || this.#isOver) return
    this.#isPiped = true
    response.pipeTo({
      onChunk: (chunk) => {
        this.#inactivity.touch()
        // The chunk is borrowed.
        const own = Buffer.from(chunk)
        if (!this.#isOver) this.#tell(() => this.#handler.onResponseData?.(this, own))
        return !this.paused
      },
      onEnd: () => this.#finish(response.trailers),
      onError: (error) => this.#fail(error)
    })
  }

  #finish(trailers: ReadonlyArray<string>): void {
    if (this.#isOver) return
    this.#end()
    this.rawTrailers = buffersOf(trailers)
    this.#handler.onResponseEnd?.(this, fieldsOf(trailers))
  }

  #fail(cause: unknown): void {
    if (this.#isOver) return
    this.#end()
    this.#handler.onResponseError?.(this, dispatchError(cause))
  }

  #tellHead(head: ClientResponse["head"]): void {
    this.rawHeaders = buffersOf(head.headers)
    this.#tell(() => this.#handler.onResponseStart?.(this, head.status, fieldsOf(head.headers), head.reasonPhrase))
  }

  #timeOut(): void {
    const isWaiting = this.#response === undefined
    const code = isWaiting ? "UND_ERR_HEADERS_TIMEOUT" : "UND_ERR_BODY_TIMEOUT"
    const message = `nothing of the answer's ${isWaiting ? "head" : "body"} came within the request's time limit`
    this.abort(new AdapterError(code, message, undefined))
  }

  /** What a handler throws ends its exchange with that error. */
  #tell(call: () => void): void {
    try {
      call()
    } catch (cause) {
      this.abort(cause instanceof Error ? cause : new Error(String(cause)))
    }
  }

  #end(): void {
    this.#isOver = true
    this.#inactivity.watch(0)
  }
}

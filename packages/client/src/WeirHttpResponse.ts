/**
 * The client's answer in the shape of Effect's `HttpClientResponse`.
 */
import { Effect, Inspectable, Option, Pipeable, type Schema, Stream } from "effect"
import type { HttpClientRequest } from "effect/http"
import { Cookies, Headers, HttpClientError, HttpClientResponse, HttpIncomingMessage, UrlParams } from "effect/http"
import type { Socket } from "effect/socket"
import { ClientError } from "./ClientError.ts"
import type { AnswerBody } from "./DecodedBody.ts"
import type { ClientResponse } from "./Request.ts"
import { makeUpgradedSocket } from "./UpgradedSocket.ts"

export class WeirHttpResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  private readonly calledUrl: URL
  private readonly source: ClientResponse
  private readonly body: AnswerBody
  private cachedHeaders: Headers.Headers | undefined
  private cachedCookies: Cookies.Cookies | undefined
  private reading: Effect.Effect<Uint8Array, HttpClientError.HttpClientError> | undefined
  private isStreamed = false
  private socket: Socket.Socket | undefined

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    source: ClientResponse,
    calledUrl: URL,
    body: AnswerBody = source
  ) {
    super()
    this[HttpIncomingMessage.TypeId] = HttpIncomingMessage.TypeId
    this[HttpClientResponse.TypeId] = HttpClientResponse.TypeId
    this.request = request
    this.source = source
    this.body = body
    this.calledUrl = calledUrl
  }

  /** Without a fragment, which is never sent. */
  get url(): string {
    return this.calledUrl.href.split("#", 1)[0] ?? ""
  }

  get status(): number {
    return this.source.status
  }

  get headers(): Headers.Headers {
    this.cachedHeaders ??= headersOf(this.source.head.headers)
    return this.cachedHeaders
  }

  get cookies(): Cookies.Cookies {
    this.cachedCookies ??= Cookies.fromSetCookie(valuesOf(this.source.head.headers, "set-cookie"))
    return this.cachedCookies
  }

  get remoteAddress(): Option.Option<string> {
    return Option.some(this.source.connection.remoteAddress)
  }

  /** After another accessor it gives what that one has read; after itself, nothing is left but the error that says so. */
  get stream(): Stream.Stream<Uint8Array, HttpClientError.HttpClientError> {
    return Stream.suspend(() => {
      if (this.isStreamed || this.reading !== undefined) return Stream.fromEffect(this.bytes)
      this.isStreamed = true
      return Stream.mapError(this.body.stream, (error) => this.decodeError(error))
    })
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.HttpClientError> {
    return Effect.map(this.bytes, toArrayBuffer)
  }

  get text(): Effect.Effect<string, HttpClientError.HttpClientError> {
    return Effect.map(this.bytes, decodeText)
  }

  get json(): Effect.Effect<Schema.Json, HttpClientError.HttpClientError> {
    return Effect.flatMap(this.text, (text) =>
      Effect.try({
        try: () => (text === "" ? null : JSON.parse(text)),
        catch: (cause) => this.decodeError(cause)
      })
    )
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.HttpClientError> {
    return Effect.flatMap(this.text, (text) =>
      Effect.try({
        try: () => UrlParams.fromInput(new URLSearchParams(text)),
        catch: (cause) => this.decodeError(cause)
      })
    )
  }

  get formData(): Effect.Effect<FormData, HttpClientError.HttpClientError> {
    return Effect.flatMap(this.arrayBuffer, (body) =>
      Effect.tryPromise({
        try: () => new Response(body, { headers: this.headers }).formData(),
        catch: (cause) => this.decodeError(cause)
      })
    )
  }

  get upgrade(): Effect.Effect<Socket.Socket, HttpClientError.HttpClientError> {
    return Effect.suspend(() => {
      const { upgraded } = this.source
      if (upgraded !== undefined) {
        this.socket ??= makeUpgradedSocket(upgraded)
        return Effect.succeed(this.socket)
      }
      const description = "expected 101 Switching Protocols"
      const reason = new HttpClientError.StatusCodeError({ request: this.request, response: this, description })
      return Effect.fail(new HttpClientError.HttpClientError({ reason }))
    })
  }

  /** Read once, however many accessors ask. */
  private get bytes(): Effect.Effect<Uint8Array, HttpClientError.HttpClientError> {
    return Effect.suspend(() => {
      if (this.isStreamed) return Effect.fail(this.decodeError(undefined, "the body was read as a stream already"))
      this.reading ??= this.read()
      return this.reading
    })
  }

  private read(): Effect.Effect<Uint8Array, HttpClientError.HttpClientError> {
    // The whole of a short answer is here already.
    if (this.body === this.source && this.source.isComplete) return Effect.succeed(this.source.takeUnsafe())
    return Effect.runSync(Effect.cached(Effect.mapError(this.body.bytes, (error) => this.decodeError(error))))
  }

  private decodeError(
    cause: unknown,
    description = cause instanceof ClientError ? cause.description : undefined
  ): HttpClientError.HttpClientError {
    return new HttpClientError.HttpClientError({
      reason: new HttpClientError.DecodeError({ request: this.request, response: this, cause, description })
    })
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }

  pipe() {
    // biome-ignore lint/complexity/noArguments: Pipeable's contract is made of `arguments`.
    return Pipeable.pipeArguments(this, arguments)
  }
}

const decoder = new TextDecoder()
const decodeText = (bytes: Uint8Array): string => decoder.decode(bytes)

/** Fields of one name are joined as RFC 9110 section 5.3 says. */
const headersOf = (raw: ReadonlyArray<string>): Headers.Headers => {
  // Without a prototype: `constructor` and `__proto__` are names that a server may send.
  const fields: Record<string, string> = Object.create(null)
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? "").toLowerCase()
    const value = raw[index + 1] ?? ""
    const before = fields[name]
    fields[name] = before === undefined ? value : `${before}, ${value}`
  }
  return Headers.fromRecordUnsafe(fields)
}

const valuesOf = (raw: ReadonlyArray<string>, lowerCaseName: string): ReadonlyArray<string> => {
  const values: Array<string> = []
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() === lowerCaseName) values.push(raw[index + 1] ?? "")
  }
  return values
}

/** One for all who ask, as Effect's own clients give it; where it is a part of another, a copy. */
const toArrayBuffer = (bytes: Uint8Array): ArrayBuffer => {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) return buffer
  const whole = new ArrayBuffer(bytes.length)
  new Uint8Array(whole).set(bytes)
  return whole
}

/** Failures before the head, in the words of Effect's `HttpClient`; the typed error is the cause. */
export const requestError = (
  request: HttpClientRequest.HttpClientRequest,
  error: ClientError
): HttpClientError.HttpClientError => {
  const isOwn = error.reason._tag === "InvalidRequest" || error.reason._tag === "RequestBodyFailed"
  const fields = { request, cause: error, description: error.description }
  return new HttpClientError.HttpClientError({
    reason: isOwn ? new HttpClientError.EncodeError(fields) : new HttpClientError.TransportError(fields)
  })
}

/** The URL has no origin that could be called. */
export const urlError = (
  request: HttpClientRequest.HttpClientRequest,
  error: ClientError
): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.InvalidUrlError({ request, cause: error, description: error.description })
  })

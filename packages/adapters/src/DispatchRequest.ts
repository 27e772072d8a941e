/**
 * undici's options of a request as a request of ours.
 */
import type { ClientRequest, Origin } from "@weir/client"
import { type BodyInput, extractBody, WeirError } from "@weir/fetch"

/** Headers in each of the forms that undici takes. */
export type DispatchHeaders =
  | Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  | ReadonlyArray<string>
  | Iterable<readonly [string, string | ReadonlyArray<string> | undefined]>

/** A request as undici's `dispatch` is given it. */
export interface DispatchOptions {
  readonly origin?: string | URL
  readonly path: string
  readonly method: string
  readonly headers?: DispatchHeaders | null
  readonly body?: unknown
  readonly query?: Readonly<Record<string, unknown>> | null
  /** May be sent again after a broken connection. Default: by the method. */
  readonly idempotent?: boolean
  readonly upgrade?: boolean | string | null
  /** From the dispatch to the answer's head, waiting for a connection included. Default: the client's settings. */
  readonly headersTimeout?: number | null
  /** The longest pause within the answer's body. Default: the client's settings. */
  readonly bodyTimeout?: number | null
  /** Close the connection after the answer. */
  readonly reset?: boolean
  readonly expectContinue?: boolean
}

/** Throws a `WeirError` for what cannot be sent. */
export const requestOf = (options: DispatchOptions, origin: Origin): ClientRequest => {
  const { expectContinue, idempotent, method, path, query, reset, upgrade } = options
  const headers: Array<string> = []
  let isKeepAlive = reset !== true
  let byteCount: number | undefined
  for (const [name, value] of fieldsIn(options.headers)) {
    switch (name.toLowerCase()) {
      case "content-length":
        byteCount = Number(value)
        break
      case "connection":
        if (value.toLowerCase() === "close") isKeepAlive = false
        break
      case "keep-alive":
        break
      default:
        headers.push(name, value)
    }
  }
  const has = (lowerCaseName: string): boolean =>
    headers.some((text, index) => index % 2 === 0 && text.toLowerCase() === lowerCaseName)
  if (typeof upgrade === "string" && !has("upgrade")) headers.push("Upgrade", upgrade)
  const given = bodyOf(options.body)
  const extracted = extractBody(given)
  // undici itself knows the type of a form only.
  if (given instanceof FormData && extracted.contentType !== undefined && !has("content-type")) {
    headers.push("Content-Type", extracted.contentType)
  }
  const body =
    extracted.body._tag === "Stream" && extracted.body.byteCount === undefined && byteCount !== undefined
      ? { ...extracted.body, byteCount }
      : extracted.body
  return {
    origin,
    method,
    target: query === undefined || query === null ? path : `${path}${path.includes("?") ? "&" : "?"}${searchOf(query)}`,
    headers,
    body,
    isKeepAlive,
    isUpgrade: typeof upgrade === "string",
    expectsContinue: expectContinue === true,
    isIdempotent: idempotent
  }
}

function* fieldsIn(headers: DispatchHeaders | null | undefined): Generator<readonly [string, string]> {
  if (headers === null || headers === undefined) return
  if (Array.isArray(headers) && headers.every((text): text is string => typeof text === "string")) {
    for (let index = 0; index + 1 < headers.length; index += 2) yield [headers[index] ?? "", headers[index + 1] ?? ""]
    return
  }
  for (const [name, value] of isIterable(headers) ? headers : Object.entries(headers)) {
    for (const each of typeof value === "string" ? [value] : (value ?? [])) yield [name, String(each)]
  }
}

const isIterable = (
  headers: DispatchHeaders
): headers is Iterable<readonly [string, string | ReadonlyArray<string> | undefined]> => Symbol.iterator in headers

const bodyOf = (body: unknown): BodyInput | null => {
  if (body === null || body === undefined) return null
  if (typeof body === "string" || body instanceof Uint8Array || body instanceof ArrayBuffer) return body
  if (body instanceof Blob || body instanceof FormData || body instanceof URLSearchParams) return body
  if (isForm(body)) return formOf(body)
  if (isAsyncIterable(body) || isSyncIterable(body)) return bytesIn(body)
  throw new WeirError("WEIR_INVALID_REQUEST", `the body is of a kind that cannot be sent: ${typeof body}`)
}

/** undici's own class is another than the runtime's. */
const isForm = (value: unknown): value is Iterable<readonly [string, string | Blob]> =>
  Object.prototype.toString.call(value) === "[object FormData]"

const formOf = (entries: Iterable<readonly [string, string | Blob]>): FormData => {
  const form = new FormData()
  for (const [name, value] of entries) {
    if (typeof value === "string") form.append(name, value)
    else form.append(name, value)
  }
  return form
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value

const isSyncIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.iterator in value

async function* bytesIn(body: AsyncIterable<unknown> | Iterable<unknown>): AsyncGenerator<Uint8Array, void, void> {
  for await (const piece of body) yield bytesOf(piece)
}

const bytesOf = (piece: unknown): Uint8Array => {
  if (piece instanceof Uint8Array) return piece
  if (typeof piece === "string") return encoder.encode(piece)
  if (piece instanceof ArrayBuffer) return new Uint8Array(piece)
  throw new WeirError("WEIR_INVALID_REQUEST", `a piece of the body is no bytes and no text: ${typeof piece}`)
}

const encoder = new TextEncoder()

const searchOf = (query: Readonly<Record<string, unknown>>): string => {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) params.append(name, each === null ? "" : String(each))
  }
  return params.toString()
}

/**
 * undici's handlers, of both generations: who receives an answer. Node's own `fetch` speaks the older one (undici 5 to 7),
 * undici 7 and later the newer.
 */
import { Buffer } from "node:buffer"
import type { Duplex } from "node:stream"

/** What a handler may do with its exchange. */
export interface DispatchController {
  readonly aborted: boolean
  readonly paused: boolean
  readonly reason: Error | null
  readonly rawHeaders: Array<Buffer> | null
  readonly rawTrailers: Array<Buffer> | null
  abort(reason: Error): void
  pause(): void
  resume(): void
}

/** Fields by name in lower case. */
export type DispatchFields = Record<string, string | Array<string>>

/** As undici 7 and later have it. */
export interface NewHandler {
  onRequestStart?(controller: DispatchController, context: object): void
  onRequestUpgrade?(controller: DispatchController, status: number, headers: DispatchFields, socket: Duplex): void
  onResponseStarted?(): void
  onResponseStart?(controller: DispatchController, status: number, headers: DispatchFields, statusText?: string): void
  onResponseData?(controller: DispatchController, chunk: Buffer): void
  onResponseEnd?(controller: DispatchController, trailers: DispatchFields): void
  onResponseError?(controller: DispatchController, error: Error): void
}

/** As undici up to 6 has it, and Node's `fetch`. What returns false wants no more until `resume`. */
export interface OldHandler {
  onConnect?(abort: (reason?: Error) => void, context: object): void
  onUpgrade?(status: number, headers: Array<Buffer>, socket: Duplex): void
  onResponseStarted?(): void
  onHeaders?(status: number, headers: Array<Buffer>, resume: () => void, statusText: string): boolean | undefined
  onData?(chunk: Buffer): boolean | undefined
  onComplete?(trailers: Array<Buffer>): void
  onError?(error: Error): void
}

export type DispatchHandler = NewHandler | OldHandler

const isNew = (handler: DispatchHandler): handler is NewHandler => "onRequestStart" in handler

/** Any handler as one of the newer generation. */
export const newHandler = (handler: DispatchHandler): NewHandler => {
  if (isNew(handler)) return handler
  return {
    onRequestStart: (controller, context) =>
      handler.onConnect?.((reason) => controller.abort(reason ?? new Error("the request was aborted")), context),
    onRequestUpgrade: (controller, status, _, socket) =>
      handler.onUpgrade?.(status, controller.rawHeaders ?? [], socket),
    onResponseStarted: () => handler.onResponseStarted?.(),
    onResponseStart: (controller, status, _, statusText = "") => {
      const resume = (): void => controller.resume()
      if (handler.onHeaders?.(status, controller.rawHeaders ?? [], resume, statusText) === false) controller.pause()
    },
    onResponseData: (controller, chunk) => {
      if (handler.onData?.(chunk) === false) controller.pause()
    },
    onResponseEnd: (controller) => handler.onComplete?.(controller.rawTrailers ?? []),
    onResponseError: (_, error) => handler.onError?.(error)
  }
}

export const buffersOf = (raw: ReadonlyArray<string>): Array<Buffer> => raw.map((text) => Buffer.from(text, "latin1"))

export const fieldsOf = (raw: ReadonlyArray<string>): DispatchFields => {
  // Without a prototype: `constructor` and `__proto__` are names that a server may send.
  const fields: DispatchFields = Object.create(null)
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? "").toLowerCase()
    const value = raw[index + 1] ?? ""
    const before = fields[name]
    fields[name] = before === undefined ? value : [before, value].flat()
  }
  return fields
}

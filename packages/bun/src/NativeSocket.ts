/**
 * Bun's own socket, as far as this layer uses it. It is what `Bun.connect` gives, and what lies below each socket of
 * `node:net` and `node:tls`, where it can be found in `_handle`.
 */
import type { Socket } from "node:net"

export interface NativeSocket {
  /**
   * Hands bytes to the system and keeps none. Returns how many were taken; after fewer than all, `drain` follows.
   * Negative: nothing can be written any more.
   */
  write(bytes: Uint8Array): number
  write(text: string, encoding: "latin1"): number
  pause(): void
  resume(): void
  /** Sends FIN, over TLS a close_notify before it. Reading goes on. */
  shutdown(): void
  /** Closes at once, and calls `close` before it returns. */
  close(): void
  /** As `close`, with RST. */
  terminate(): void
  ref(): void
  unref(): void
  /** Replaces all handlers. */
  reload(options: { readonly socket: NativeHandlers }): void
}

export interface NativeHandlers {
  readonly data: (socket: unknown, chunk: Uint8Array) => void
  readonly drain: () => void
  readonly end: () => void
  /** A failure of TLS, after which `close` follows; or what another handler threw. */
  readonly error: (socket: unknown, error: unknown) => void
  /** TLS: a session to resume. */
  readonly session: (socket: unknown, session: unknown) => void
  readonly close: (socket: unknown, error?: unknown) => void
}

const methods = ["write", "pause", "resume", "shutdown", "close", "terminate", "ref", "unref", "reload"]

/** The native socket below; undefined where the runtime has none, or not one that this layer knows. */
export const nativeSocketOf = (socket: Socket): NativeSocket | undefined => {
  const handle: unknown = Reflect.get(socket, "_handle")
  return isNativeSocket(handle) ? handle : undefined
}

const isNativeSocket = (handle: unknown): handle is NativeSocket =>
  typeof handle === "object" &&
  handle !== null &&
  methods.every((name) => typeof Reflect.get(handle, name) === "function")

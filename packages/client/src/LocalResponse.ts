/**
 * An answer that no server has sent: from a cache, or made up by a test.
 */
import type { RawHeaders, ResponseHead } from "@weir/http1"
import type { ConnectionInfo } from "@weir/transport"
import { Effect, Stream } from "effect"
import type { CallTiming, ClientResponse } from "./Request.ts"
import type { BodySink } from "./ResponseBody.ts"

/** What an answer is made of that no server has sent. */
export interface LocalAnswer {
  readonly status: number
  /** Name, value, name, value. Default: none. */
  readonly headers?: RawHeaders
  /** Default: empty. */
  readonly body?: Uint8Array | string
}

/** Its `connection` has the layer `local` and no address. */
export const localResponse = (answer: LocalAnswer): ClientResponse => new LocalResponse(answer)

class LocalResponse implements ClientResponse {
  readonly status: number
  readonly head: ResponseHead
  readonly connection: ConnectionInfo = local
  readonly timing: CallTiming = atOnce
  readonly isComplete = true
  readonly trailers: RawHeaders = []
  readonly upgraded = undefined
  private unread: Uint8Array<ArrayBuffer>

  constructor({ body = "", headers = [], status }: LocalAnswer) {
    this.status = status
    this.head = {
      status,
      reasonPhrase: "",
      version: "1.1",
      headers,
      get: (lowerCaseName) => {
        const index = headers.findIndex((text, at) => at % 2 === 0 && text.toLowerCase() === lowerCaseName)
        return index < 0 ? undefined : headers[index + 1]
      }
    }
    this.unread = typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body)
  }

  get bytes() {
    return Effect.sync(() => this.takeUnsafe())
  }

  get text() {
    return Effect.map(this.bytes, (bytes) => new TextDecoder().decode(bytes))
  }

  get stream() {
    return Stream.suspend(() => {
      const bytes = this.takeUnsafe()
      return bytes.length === 0 ? Stream.empty : Stream.make(bytes)
    })
  }

  pipeTo(sink: BodySink): void {
    const bytes = this.takeUnsafe()
    if (bytes.length > 0) sink.onChunk(bytes)
    sink.onEnd()
  }

  /** Nothing is ever held back. */
  resume(): void {}

  discard(): void {
    this.takeUnsafe()
  }

  takeUnsafe(): Uint8Array<ArrayBuffer> {
    const bytes = this.unread
    this.unread = noBytes
    return bytes
  }
}

const noBytes = new Uint8Array(0)

const local: ConnectionInfo = {
  layer: "local",
  remoteAddress: "",
  remotePort: 0,
  localAddress: "",
  localPort: 0,
  timing: {}
}

const atOnce: CallTiming = {
  leasedAfterMillis: 0,
  queuedMillis: 0,
  connect: undefined,
  headAfterMillis: 0,
  endAfterMillis: 0,
  isReused: false,
  idleBeforeMillis: 0,
  retryCount: 0
}

/**
 * The answer as the caller sees it.
 */
import type { ResponseHead } from "@weir/http1"
import type { ConnectionInfo } from "@weir/transport"
import { Effect, Stream } from "effect"
import type { Call } from "./Call.ts"
import { timingOf } from "./CallTimer.ts"
import type { CallTiming, ClientResponse } from "./Request.ts"
import type { BodySink } from "./ResponseBody.ts"

export const makeResponse = (call: Call, head: ResponseHead, connection: ConnectionInfo): ClientResponse =>
  new CallResponse(call, head, connection)

class CallResponse implements ClientResponse {
  readonly head: ResponseHead
  readonly connection: ConnectionInfo
  private readonly call: Call

  constructor(call: Call, head: ResponseHead, connection: ConnectionInfo) {
    this.call = call
    this.head = head
    this.connection = connection
  }

  get status(): number {
    return this.head.status
  }

  get timing(): CallTiming {
    return timingOf(this.call, this.connection)
  }

  get isComplete(): boolean {
    return this.call.body.isComplete
  }

  get trailers() {
    return this.call.trailers
  }

  get upgraded() {
    return this.call.upgraded
  }

  get bytes() {
    const { call } = this
    if (call.body.isComplete) return Effect.sync(() => this.takeUnsafe())
    // An interrupted reader leaves a body that nobody will read.
    return Effect.onInterrupt(call.body.collect, () => Effect.sync(() => call.discardBody()))
  }

  get text() {
    const { call } = this
    if (call.body.isComplete) return Effect.sync(() => decode(call.body.lend()))
    return Effect.map(this.bytes, decode)
  }

  get stream() {
    const { call } = this
    return Stream.fromPull(Effect.succeed(Effect.map(call.body.pull, (bytes) => [bytes] as const))).pipe(
      Stream.ensuring(Effect.sync(() => call.discardBody()))
    )
  }

  takeUnsafe(): Uint8Array<ArrayBuffer> {
    return this.call.body.take()
  }

  pipeTo(sink: BodySink): void {
    this.call.body.pipeTo(sink)
  }

  resume(): void {
    this.call.body.resume()
  }

  discard(): void {
    this.call.discard()
  }
}

const decoder = new TextDecoder()
const decode = (bytes: Uint8Array): string => decoder.decode(bytes)

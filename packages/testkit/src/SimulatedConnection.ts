/**
 * One end of a simulated byte stream, under the contract of `@weir/transport`.
 *
 * What is written travels in random pieces, each after a random latency, in order. A reset overtakes nothing that was
 * sent before it, but what has not been read when it arrives is lost, as on a real socket.
 */
import { type Connection, type ConnectionHandler, type ConnectionInfo, transportError } from "@weir/transport"
import type { Chance } from "./Chance.ts"
import type { Simulation } from "./Simulation.ts"

/** How bytes travel. */
export interface Wire {
  readonly latencyMillisMin: number
  readonly latencyMillisMax: number
  /** What is written arrives in pieces of up to this many bytes. */
  readonly pieceByteCountMax: number
  /** Bytes on their way, or arrived and not read, above which `write` says false. */
  readonly windowByteCount: number
}

/** What became of the bytes that one end has written. */
export interface ByteCounts {
  written: number
  read: number
  /** Written and never read: the connection had gone. */
  lost: number
}

type Parcel =
  | { readonly _tag: "bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "end" }
  | { readonly _tag: "reset" }
  /** Both directions are closed; orderly, if nothing unread is left. */
  | { readonly _tag: "close" }

export class SimulatedConnection implements Connection {
  readonly info: ConnectionInfo
  readonly counts: ByteCounts = { written: 0, read: 0, lost: 0 }
  /** Sends a FIN (`end`) or a RST (`reset`) of its own once it has written this many bytes; the rest is lost. */
  cutAfter: { readonly byteCount: number; readonly how: "end" | "reset" } | undefined
  isReferenced = true
  private peer: SimulatedConnection | undefined
  private handler: ConnectionHandler | undefined
  private readonly inbox: Array<Uint8Array> = []
  private state: "open" | "closed" = "open"
  private hasEnded = false
  private hasPeerEnded = false
  /** A paused end sees the end of its peer when it reads on. */
  private hasSeenEnd = false
  private hasToldEnd = false
  private hasToldClose = false
  private isPaused = false
  private needsDrain = false
  private unreadByteCount = 0
  private lastArrivalMillis = 0
  private isReadScheduled = false
  private readonly simulation: Simulation
  private readonly chance: Chance
  private readonly wire: Wire
  private readonly onGone: () => void

  constructor(simulation: Simulation, chance: Chance, wire: Wire, info: ConnectionInfo, onGone: () => void) {
    this.simulation = simulation
    this.chance = chance
    this.wire = wire
    this.info = info
    this.onGone = onGone
  }

  /** Makes `peer` the other end. */
  join(peer: SimulatedConnection): void {
    this.peer = peer
  }

  get isOpen(): boolean {
    return this.state === "open" && !this.hasEnded && !this.hasSeenEnd
  }

  attach(handler: ConnectionHandler): void {
    this.handler = handler
    this.readLater()
  }

  write(chunk: Uint8Array | string): boolean {
    if (this.state === "closed" || this.hasEnded) return false
    const bytes = typeof chunk === "string" ? Uint8Array.from(chunk, (one) => one.charCodeAt(0)) : chunk.slice()
    for (let offset = 0; offset < bytes.length; ) {
      const { cutAfter } = this
      const left = cutAfter === undefined ? Number.POSITIVE_INFINITY : cutAfter.byteCount - this.counts.written
      const size = Math.min(this.chance.between(1, this.wire.pieceByteCountMax), left)
      const piece = bytes.slice(offset, offset + size)
      this.counts.written += piece.length
      this.unreadByteCount += piece.length
      this.send({ _tag: "bytes", bytes: piece })
      offset += piece.length
      if (cutAfter !== undefined && this.counts.written >= cutAfter.byteCount) {
        if (cutAfter.how === "reset") this.reset()
        else this.close()
        return false
      }
    }
    this.needsDrain = this.unreadByteCount > this.wire.windowByteCount
    return !this.needsDrain
  }

  end(): void {
    if (this.state === "closed" || this.hasEnded) return
    this.hasEnded = true
    this.send({ _tag: "end" })
    this.closeIfBothEnded()
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
    this.hasSeenEnd ||= this.hasPeerEnded
    this.readLater()
  }

  close(): void {
    this.leave({ _tag: "close" })
  }

  reset(): void {
    this.leave({ _tag: "reset" })
  }

  ref(): void {
    this.isReferenced = true
  }

  unref(): void {
    this.isReferenced = false
  }

  private leave(parcel: Parcel): void {
    if (this.state === "closed") return
    this.send(parcel)
    this.gone(undefined)
  }

  private send(parcel: Parcel): void {
    const { clock } = this.simulation
    const latency = this.chance.between(this.wire.latencyMillisMin, this.wire.latencyMillisMax)
    this.lastArrivalMillis = Math.max(this.lastArrivalMillis, clock.elapsedMillis + Math.max(1, latency))
    const { peer } = this
    this.inOrder(this.lastArrivalMillis - clock.elapsedMillis, () => peer?.receive(parcel))
  }

  /** What arrives at the same moment arrives in the order sent: one queue, emptied by whoever comes first. */
  private readonly queue: Array<() => void> = []

  private inOrder(millis: number, arrive: () => void): void {
    this.queue.push(arrive)
    this.simulation.after(millis, () => {
      this.queue.shift()?.()
    })
  }

  private receive(parcel: Parcel): void {
    if (this.state === "closed") {
      if (parcel._tag === "bytes") this.lose(parcel.bytes.length)
      return
    }
    switch (parcel._tag) {
      case "bytes":
        this.inbox.push(parcel.bytes)
        this.readLater()
        return
      case "end":
        this.seeEnd()
        this.readLater()
        return
      case "close":
        this.seeEnd()
        this.hasEnded = true
        this.readLater()
        return
      case "reset":
        this.gone(
          transportError({
            reason: "Reset",
            phase: "io",
            address: `${this.info.remoteAddress}:${this.info.remotePort}`,
            detail: "the peer reset the connection"
          })
        )
    }
  }

  private seeEnd(): void {
    this.hasPeerEnded = true
    this.hasSeenEnd ||= !this.isPaused
  }

  private readLater(): void {
    if (this.isReadScheduled || this.handler === undefined) return
    this.isReadScheduled = true
    this.simulation.scheduler.add(() => {
      this.isReadScheduled = false
      this.readOne()
    })
  }

  private readOne(): void {
    const { handler } = this
    if (handler === undefined || this.state === "closed" || this.isPaused) return
    const bytes = this.inbox.shift()
    if (bytes !== undefined) {
      this.peer?.wasRead(bytes.length)
      handler.onData(bytes)
      // Borrowed until the call returned: whoever kept it reads rubbish.
      bytes.fill(0xee)
      this.readLater()
    } else if (this.hasPeerEnded && !this.hasToldEnd) {
      this.hasToldEnd = true
      handler.onEnd()
      this.closeIfBothEnded()
    }
  }

  private wasRead(byteCount: number): void {
    this.counts.read += byteCount
    this.unreadByteCount -= byteCount
    if (!this.needsDrain || this.unreadByteCount > this.wire.windowByteCount) return
    this.needsDrain = false
    this.simulation.scheduler.add(() => {
      if (this.state === "open" && !this.hasEnded) this.handler?.onDrain()
    })
  }

  private lose(byteCount: number): void {
    if (this.peer !== undefined) this.peer.counts.lost += byteCount
  }

  private closeIfBothEnded(): void {
    if (this.hasEnded && this.hasToldEnd) this.gone(undefined)
  }

  private gone(error: Parameters<ConnectionHandler["onClose"]>[0]): void {
    if (this.state === "closed") return
    this.state = "closed"
    for (const bytes of this.inbox.splice(0)) this.lose(bytes.length)
    this.onGone()
    this.simulation.scheduler.add(() => {
      if (this.hasToldClose) return
      this.hasToldClose = true
      this.handler?.onClose(error)
    })
  }
}

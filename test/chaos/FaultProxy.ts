/**
 * A cable that misbehaves, as a process of its own: `node FaultProxy.ts PORT SERVER_PORT SEED`. It hands bytes on between
 * a client and a server of the farm. Told `storm` on standard input, it treats every other connection in one of many ways;
 * told `calm`, none, and what it holds back it gives up.
 */
import { writeSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { createInterface } from "node:readline"
// Not the whole test kit: a server is started again every other second.
import { Chance } from "@weir/testkit/Chance"

const [port = "0", serverPort = "0", seed = "1"] = process.argv.slice(2)
const chance = new Chance(Number(seed))
let isStorming = false
/** Connections that would stay silent for ever. */
const stalled = new Set<Socket>()

/** How the bytes of one direction fare; each piece passes it in turn. */
interface Lane {
  /** A piece is held back for so long. */
  readonly delayMillis?: (byteCount: number) => number
  /** After so many bytes this happens, and the rest is lost. */
  readonly cutAfterBytes?: number
  readonly cut?: (from: Socket, to: Socket) => void
}

const stall = (from: Socket, to: Socket): void => {
  stalled.add(from).add(to)
}
const end = (_: Socket, to: Socket): void => {
  to.end()
}
const reset = (from: Socket, to: Socket): void => {
  from.resetAndDestroy()
  to.resetAndDestroy()
}

const clear: Lane = {}
const slow = (): Lane => {
  const latencyMillis = chance.between(10, 150)
  return { delayMillis: () => latencyMillis }
}
const narrow: Lane = { delayMillis: (byteCount) => byteCount / 200 }
const cutBy = (cut: NonNullable<Lane["cut"]>): Lane => ({ cutAfterBytes: chance.below(60_000), cut })

/** Towards the server, and towards the client. */
const faults: ReadonlyArray<readonly [name: string, make: () => readonly [Lane, Lane]]> = [
  ["latency", () => [slow(), slow()]],
  ["throttle", () => [narrow, narrow]],
  ["stalled request", () => [cutBy(stall), clear]],
  ["stalled answer", () => [clear, cutBy(stall)]],
  ["half-closed request", () => [cutBy(end), clear]],
  ["half-closed answer", () => [clear, cutBy(end)]],
  ["reset on the way", () => [clear, cutBy(reset)]]
]

/** Hands on what comes from one side, piece by piece, reading no further while a piece is held back. */
const carry = (
  from: Socket,
  to: Socket,
  { cut, cutAfterBytes = Number.POSITIVE_INFINITY, delayMillis }: Lane
): void => {
  let leftBytes = cutAfterBytes
  let isCut = false
  let isHolding = false
  let hasEnded = false
  const pass = (piece: Buffer): void => {
    const passed = piece.subarray(0, leftBytes)
    leftBytes -= passed.length
    if (!to.destroyed && !to.writableEnded && !to.write(passed)) {
      from.pause()
      to.once("drain", () => from.resume())
    }
    if (leftBytes > 0 || cut === undefined) return
    isCut = true
    cut(from, to)
  }
  from.on("data", (piece: Buffer) => {
    if (isCut) return
    const waitMillis = isStorming ? (delayMillis?.(piece.length) ?? 0) : 0
    if (waitMillis === 0) {
      pass(piece)
      return
    }
    isHolding = true
    from.pause()
    setTimeout(() => {
      isHolding = false
      from.resume()
      pass(piece)
      if (hasEnded) to.end()
    }, waitMillis)
  })
  from.on("end", () => {
    hasEnded = true
    // Nobody is left who could wait for what was cut off.
    if (isCut) to.destroy()
    else if (!isHolding) to.end()
  })
  from.on("error", () => to.destroy())
  from.on("close", () => {
    stalled.delete(from)
    if (!hasEnded) to.destroy()
  })
}

createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ host: "127.0.0.1", port: Number(serverPort), allowHalfOpen: true, noDelay: true })
  let lanes: readonly [Lane, Lane] = [clear, clear]
  const [name, make] = faults[chance.below(2 * faults.length)] ?? []
  if (isStorming && make !== undefined) {
    lanes = make()
    writeSync(1, `${JSON.stringify({ fault: name })}\n`)
  }
  carry(near, far, lanes[0])
  carry(far, near, lanes[1])
}).listen({ port: Number(port), host: "0.0.0.0", backlog: 128 }, () => writeSync(1, "listening\n"))

createInterface({ input: process.stdin })
  .on("line", (line) => {
    isStorming = line === "storm"
    if (!isStorming) for (const socket of stalled) socket.destroy()
  })
  .on("close", () => process.exit())

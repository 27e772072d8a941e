/**
 * The limit: a fixed request on each runtime's own sockets, and a count of the bytes that come back.
 */
import { connect as netConnect } from "node:net"
import { runtime } from "../harness.ts"
import { laneCaller, type Way } from "./Caller.ts"
import type { Work } from "./works.ts"

/** A socket that writes one thing, and tells what it reads. */
interface Pipe {
  readonly write: () => void
}

type Open = (port: number, request: Uint8Array, onBytes: (chunk: Uint8Array) => void) => Promise<Pipe>

const openNode: Open = (port, request, onBytes) =>
  new Promise((resolve, reject) => {
    const text = request.length < 1024 ? Buffer.from(request).toString("latin1") : undefined
    const socket = netConnect({ host: "127.0.0.1", port, noDelay: true }, () => {
      resolve({ write: () => (text === undefined ? socket.write(request) : socket.write(text, "latin1")) })
    })
    socket.on("error", reject).on("data", onBytes)
  })

/** As much of Bun's own API as is used. */
interface BunApi {
  connect(options: {
    readonly hostname: string
    readonly port: number
    readonly socket: { readonly data: (socket: unknown, chunk: Uint8Array) => void; readonly drain: () => void }
  }): Promise<{ write(chunk: Uint8Array): number; setNoDelay(isNoDelay: boolean): boolean }>
}

const openBun =
  (bun: BunApi): Open =>
  async (port, request, onBytes) => {
    let rest = request.subarray(request.length)
    const send = (chunk: Uint8Array): void => {
      rest = chunk.subarray(socket.write(chunk))
    }
    const socket = await bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => onBytes(chunk),
        drain: () => {
          if (rest.length > 0) send(rest)
        }
      }
    })
    socket.setNoDelay(true)
    return { write: () => send(request) }
  }

/** As much of Deno's own API as is used. */
interface DenoApi {
  connect(options: { readonly hostname: string; readonly port: number }): Promise<{
    read(buffer: Uint8Array): Promise<number | null>
    write(chunk: Uint8Array): Promise<number>
    setNoDelay(isNoDelay: boolean): void
  }>
}

/** In the loops that Deno's documentation suggests. */
const openDeno =
  (deno: DenoApi): Open =>
  async (port, request, onBytes) => {
    const socket = await deno.connect({ hostname: "127.0.0.1", port })
    socket.setNoDelay(true)
    const write = async (): Promise<void> => {
      for (let sent = 0; sent < request.length; ) sent += await socket.write(request.subarray(sent))
    }
    const read = async (): Promise<void> => {
      const buffer = new Uint8Array(65_536)
      for (let byteCount = await socket.read(buffer); byteCount !== null; byteCount = await socket.read(buffer)) {
        onBytes(buffer.subarray(0, byteCount))
      }
    }
    void read()
    return { write: () => void write() }
  }

const hasConnect = <Api>(value: unknown): value is Api =>
  typeof value === "object" && value !== null && typeof Reflect.get(value, "connect") === "function"

const native = (): Open => {
  if (runtime === "node") return openNode
  const api: unknown = Reflect.get(globalThis, runtime === "bun" ? "Bun" : "Deno")
  if (runtime === "bun" && hasConnect<BunApi>(api)) return openBun(api)
  if (runtime === "deno" && hasConnect<DenoApi>(api)) return openDeno(api)
  throw new Error(`${runtime} has no connect`)
}

const requestBytes = ({ body, method, path }: Work, port: number): Uint8Array => {
  const framing = body === undefined ? "" : `Content-Length: ${body.length}\r\n`
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${framing}\r\n`
  return Buffer.concat([Buffer.from(head, "latin1"), body ?? new Uint8Array(0)])
}

interface BareLane {
  readonly call: (done: () => void) => void
}

const openLane = async (open: Open, work: Work, port: number): Promise<BareLane> => {
  /** With its head, which is as long in every answer. */
  let answerByteCount = 0
  let receivedByteCount = 0
  let onAnswer = (): void => {}
  const pipe = await open(port, requestBytes(work, port), (chunk) => {
    if (answerByteCount === 0) {
      const head = Buffer.from(chunk).toString("latin1").split("\r\n\r\n", 1)[0] ?? ""
      if (!head.startsWith("HTTP/1.1 200")) throw new Error(`${work.title}: ${head}`)
      answerByteCount = head.length + 4 + work.answerByteCount
    }
    receivedByteCount += chunk.length
    if (receivedByteCount < answerByteCount) return
    receivedByteCount = 0
    onAnswer()
  })
  return {
    call: (done) => {
      onAnswer = done
      pipe.write()
    }
  }
}

export const bareSockets: Way = {
  name: "bare sockets",
  open: async (work, port, connectionCount) => {
    const open = native()
    const lanes = await Promise.all(Array.from({ length: connectionCount }, () => openLane(open, work, port)))
    return laneCaller(lanes, (lane, done) => lane.call(done))
  }
}

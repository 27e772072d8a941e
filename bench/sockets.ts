/**
 * Bytes over loopback TCP: a connection of the runtime's layer beside bare `node:net` with `data` events and, on Bun and
 * Deno, bare `Bun.connect` and `Deno.connect`. The peer is another process. A ratio is Weir's share of the bare socket's speed; the goal is 0.9. Processor
 * time is what Weir itself takes; time on the wall depends as much on the peer and on who else uses the machine.
 */
import { spawn } from "node:child_process"
import { createServer, connect as netConnect, type Socket } from "node:net"
import { fileURLToPath } from "node:url"
import { BunConnector } from "@weir/bun"
import { DenoConnector } from "@weir/deno"
import { NodeConnector } from "@weir/node"
import { Target } from "@weir/transport"
import { Effect } from "effect"
import { type Contestant, isQuick, Report, runtime } from "./harness.ts"

const echoConnectionCount = 32
const echoBytes = 256
const streamConnectionCount = 4
const pieceBytes = 65_536

/** A stream begins with how many bytes are to come: so many ASCII digits. */
const headBytes = 16

// Peer: `--serve` listens three times, prints the ports, and lives until its parent's pipe closes.

/** Sends back what comes. */
const echo = (socket: Socket) => {
  socket.on("data", (chunk) => socket.write(chunk))
}

/** Reads heads, and sends as many bytes as each says. */
const source = (socket: Socket) => {
  const piece = Buffer.alloc(pieceBytes, "x")
  let owedBytes = 0
  const send = () => {
    while (owedBytes > 0) {
      const byteCount = Math.min(owedBytes, pieceBytes)
      owedBytes -= byteCount
      if (!socket.write(piece.subarray(0, byteCount))) {
        socket.once("drain", send)
        return
      }
    }
  }
  socket.on("data", (head) => {
    owedBytes = Number(head.toString())
    send()
  })
}

/** Reads a head and so many bytes after it, and answers with one byte. */
const sink = (socket: Socket) => {
  let awaitedBytes = 0
  socket.on("data", (chunk) => {
    if (awaitedBytes === 0) awaitedBytes = headBytes + Number(chunk.subarray(0, headBytes).toString())
    awaitedBytes -= chunk.length
    if (awaitedBytes === 0) socket.write("!")
  })
}

const serve = async (): Promise<void> => {
  const ports = [echo, source, sink].map(
    (handle) =>
      new Promise<number>((resolve) => {
        const server = createServer({ noDelay: true }, (socket) => {
          socket.on("error", () => socket.destroy())
          handle(socket)
        })
        server.listen(0, "127.0.0.1", () => {
          const bound = server.address()
          resolve(bound === null || typeof bound === "string" ? 0 : bound.port)
        })
      })
  )
  console.log(JSON.stringify(await Promise.all(ports)))
  process.stdin.on("end", () => process.exit()).resume()
}

// What all contestants are driven through.

interface Pipe {
  onBytes: (byteCount: number) => void
  onDrain: () => void
  write(chunk: Uint8Array): boolean
}

type Open = (port: number) => Promise<Pipe>

const openBare: Open = (port) =>
  new Promise((resolve) => {
    const socket = netConnect({ host: "127.0.0.1", port, noDelay: true }, () => resolve(pipe))
    const pipe: Pipe = { onBytes: () => {}, onDrain: () => {}, write: (chunk) => socket.write(chunk) }
    socket.on("data", (chunk) => pipe.onBytes(chunk.length))
    socket.on("drain", () => pipe.onDrain())
  })

/** As much of Bun's own API as is measured. */
interface BunApi {
  connect(options: {
    readonly hostname: string
    readonly port: number
    readonly socket: {
      readonly data: (socket: unknown, chunk: Uint8Array) => void
      readonly drain: () => void
    }
  }): Promise<{ write(chunk: Uint8Array): number; setNoDelay(noDelay: boolean): boolean }>
}

const isBunApi = (value: unknown): value is BunApi =>
  typeof value === "object" && value !== null && typeof Reflect.get(value, "connect") === "function"

/** Bun's own socket, with the least that keeps its bytes whole: what the system does not take is written on `drain`. */
const openBun: Open = async (port) => {
  const bun: unknown = Reflect.get(globalThis, "Bun")
  if (!isBunApi(bun)) throw new Error("this is not Bun")
  let rest: Uint8Array = new Uint8Array(0)
  const pipe: Pipe = { onBytes: () => {}, onDrain: () => {}, write: (chunk) => send(chunk) }
  const socket = await bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, chunk) => pipe.onBytes(chunk.length),
      drain: () => {
        if (rest.length === 0 || send(rest)) pipe.onDrain()
      }
    }
  })
  socket.setNoDelay(true)
  const send = (chunk: Uint8Array): boolean => {
    rest = chunk.subarray(socket.write(chunk))
    return rest.length === 0
  }
  return pipe
}

/** As much of Deno's own API as is measured. */
interface DenoApi {
  connect(options: { readonly hostname: string; readonly port: number }): Promise<{
    read(buffer: Uint8Array): Promise<number | null>
    write(chunk: Uint8Array): Promise<number>
    setNoDelay(isNoDelay: boolean): void
  }>
}

const isDenoApi = (value: unknown): value is DenoApi =>
  typeof value === "object" && value !== null && typeof Reflect.get(value, "connect") === "function"

/** Deno's own socket, in the loops that its documentation suggests. */
const openDeno: Open = async (port) => {
  const deno: unknown = Reflect.get(globalThis, "Deno")
  if (!isDenoApi(deno)) throw new Error("this is not Deno")
  const socket = await deno.connect({ hostname: "127.0.0.1", port })
  socket.setNoDelay(true)
  const writeAll = async (chunk: Uint8Array): Promise<void> => {
    for (let sent = 0; sent < chunk.length; ) sent += await socket.write(chunk.subarray(sent))
    pipe.onDrain()
  }
  const readAll = async (): Promise<void> => {
    const buffer = new Uint8Array(pieceBytes)
    for (let byteCount = await socket.read(buffer); byteCount !== null; byteCount = await socket.read(buffer)) {
      pipe.onBytes(byteCount)
    }
  }
  const write = (chunk: Uint8Array): boolean => {
    void writeAll(chunk)
    return false
  }
  const pipe: Pipe = { onBytes: () => {}, onDrain: () => {}, write }
  void readAll()
  return pipe
}

/** The runtime's own API below `node:net`, where it has one. */
const natives = {
  node: [],
  bun: [{ name: "Bun.connect", open: openBun }],
  deno: [{ name: "Deno.connect", open: openDeno }]
} as const

const makers = { node: NodeConnector.make, bun: BunConnector.make, deno: DenoConnector.make } as const

const connector = await Effect.runPromise(makers[runtime]())

const openWeir: Open = async (port) => {
  const connection = await Effect.runPromise(connector.connect({ address: Target.tcp("127.0.0.1", port) }))
  const pipe: Pipe = { onBytes: () => {}, onDrain: () => {}, write: (chunk) => connection.write(chunk) }
  connection.attach({
    onData: (chunk) => pipe.onBytes(chunk.length),
    onDrain: () => pipe.onDrain(),
    onEnd: () => connection.close(),
    onClose: () => {}
  })
  return pipe
}

const openAll = (open: Open, port: number, count: number): Promise<ReadonlyArray<Pipe>> =>
  Promise.all(Array.from({ length: count }, () => open(port)))

/** Round trips, as many at a time as there are connections. */
const roundTrips = (pipes: ReadonlyArray<Pipe>): Contestant["run"] => {
  const message = Buffer.alloc(echoBytes, "x")
  return (count) =>
    new Promise<void>((resolve) => {
      let startedCount = 0
      let finishedCount = 0
      for (const pipe of pipes) {
        let awaitedBytes = 0
        const start = () => {
          if (startedCount === count) return
          startedCount++
          awaitedBytes = echoBytes
          pipe.write(message)
        }
        pipe.onBytes = (byteCount) => {
          awaitedBytes -= byteCount
          if (awaitedBytes > 0) return
          if (++finishedCount === count) resolve()
          else start()
        }
        start()
      }
    })
}

const headFor = (byteCount: number) => Buffer.from(String(byteCount).padStart(headBytes, "0"))

/** Pieces of 64 KiB, in as many streams as there are connections. */
const receive = (pipes: ReadonlyArray<Pipe>): Contestant["run"] => {
  return (count) =>
    Promise.all(
      pipes.map(
        (pipe) =>
          new Promise<void>((resolve) => {
            const byteCount = Math.ceil(count / pipes.length) * pieceBytes
            let awaitedBytes = byteCount
            pipe.onBytes = (arrived) => {
              awaitedBytes -= arrived
              if (awaitedBytes === 0) resolve()
            }
            pipe.write(headFor(byteCount))
          })
      )
    )
}

const send = (pipes: ReadonlyArray<Pipe>): Contestant["run"] => {
  const piece = Buffer.alloc(pieceBytes, "x")
  return (count) =>
    Promise.all(
      pipes.map(
        (pipe) =>
          new Promise<void>((resolve) => {
            let owedCount = Math.ceil(count / pipes.length)
            pipe.onBytes = () => resolve()
            pipe.onDrain = () => {
              while (owedCount > 0) {
                owedCount--
                if (!pipe.write(piece)) return
              }
            }
            if (pipe.write(headFor(owedCount * pieceBytes))) pipe.onDrain()
          })
      )
    )
}

const measure = async (): Promise<void> => {
  const program = [...(runtime === "deno" ? ["run", "--allow-all"] : []), fileURLToPath(import.meta.url), "--serve"]
  const peer = spawn(process.execPath, program, { stdio: ["pipe", "pipe", "inherit"] })
  const printed = await new Promise<string>((resolve) => {
    peer.stdout.once("data", (chunk) => resolve(String(chunk)))
  })
  const [echoPort, sourcePort, sinkPort]: ReadonlyArray<number> = JSON.parse(printed)
  const report = new Report("sockets", ["effect"])
  const cases = [
    [`${echoBytes} B there and back, ${echoConnectionCount} connections`, roundTrips, echoPort, echoConnectionCount],
    [`64 KiB received, ${streamConnectionCount} connections`, receive, sourcePort, streamConnectionCount],
    [`64 KiB sent, ${streamConnectionCount} connections`, send, sinkPort, streamConnectionCount]
  ] as const
  for (const [name, drive, port = 0, connectionCount] of cases) {
    const weir = { name: "weir", run: drive(await openAll(openWeir, port, connectionCount)) }
    const others = [{ name: "node:net", run: drive(await openAll(openBare, port, connectionCount)) }]
    for (const { name: native, open } of natives[runtime]) {
      others.push({ name: native, run: drive(await openAll(open, port, connectionCount)) })
    }
    const ratios = others.map((other) => [other.name, "weir"] as const)
    for (const clock of ["cpu", "wall"] as const) {
      await report.compare(`${name}, ${clock} time`, [weir, ...others], ratios, {
        clock,
        rounds: isQuick ? 7 : 21,
        turnMillis: isQuick ? 150 : 500
      })
    }
  }
  report.finish()
  peer.stdin.end()
  process.exit()
}

await (process.argv.includes("--serve") ? serve() : measure())

/**
 * The other end, a program for Node whatever runtime is under test: servers of `node:net` and `node:tls` that do, with each
 * connection, what standard input tells them (`Protocol.ts`), faults among it. It ends with its standard input.
 */
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { createServer as createTlsServer, TLSSocket } from "node:tls"
import { type Accepted, type Answer, type Answers, bytesOf, type ListenOptions, type Request } from "./Protocol.ts"

interface Listening {
  readonly server: Server
  readonly directory: string
  /** Every connection still open, before TLS. */
  readonly open: Set<Socket>
  readonly accepted: Array<Accepted>
  readonly waiting: Array<(accepted: Accepted) => void>
  readonly wire: Array<Buffer>
  readonly wireEnd: PromiseWithResolvers<void>
  isBroken: boolean
}

interface Held {
  readonly socket: Socket
  /** `FIN` or the code of an error, whichever comes first. */
  readonly ending: Promise<string>
}

const listeners: Array<Listening> = []
const held: Array<Held> = []

/** How long a client's handshake may take before its descriptor is taken for forgotten. */
const forgottenMillis = 5000

const at = <A>(list: ReadonlyArray<A>, index: number): A => {
  const found = list[index]
  if (found === undefined) throw new Error(`there is no number ${index}`)
  return found
}

const listen = async ({
  greeting,
  host = "127.0.0.1",
  listen,
  relayTo,
  tls
}: ListenOptions): Promise<Answers["listen"]> => {
  const onConnection = (socket: Socket) => {
    const ending = new Promise<string>((resolve) => {
      socket.once("end", () => resolve("FIN"))
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
    if (greeting === "absorb") {
      socket.once("end", () => socket.end()).resume()
      return
    }
    if (greeting !== undefined) greet(socket, greeting)
    const accepted: Accepted = { socket: held.push({ socket, ending }) - 1, ...describePeer(socket) }
    const waiting = listening.waiting.shift()
    if (waiting === undefined) listening.accepted.push(accepted)
    else waiting(accepted)
  }
  const options = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true }
  const server =
    relayTo !== undefined
      ? createServer(options, (client) => relay(listening, client, relayTo))
      : tls === undefined
        ? createServer(options, onConnection)
        : createTlsServer(
            {
              ...options,
              ...tls,
              // A server that lets its connections be half-open does not notice a client that gives up in its handshake.
              ...(greeting === "absorb" ? { handshakeTimeout: forgottenMillis } : {}),
              ALPNProtocols: tls.ALPNProtocols === undefined ? undefined : [...tls.ALPNProtocols],
              ticketKeys: tls.ticketKeys === undefined ? undefined : Buffer.from(tls.ticketKeys, "latin1")
            },
            onConnection
          )
  const listening: Listening = {
    server,
    directory: mkdtempSync(join(tmpdir(), "weir-peer-")),
    open: new Set(),
    accepted: [],
    waiting: [],
    wire: [],
    wireEnd: Promise.withResolvers(),
    isBroken: false
  }
  server.on("tlsClientError", (_: Error, socket: Socket) => socket.destroy())
  server.on("connection", (socket: Socket) => {
    listening.open.add(socket)
    socket.on("close", () => listening.open.delete(socket))
  })
  const path = listen === "unix" ? join(listening.directory, "socket") : ""
  await new Promise<void>((resolve) => {
    if (path !== "") server.listen(path, resolve)
    else server.listen(0, host, resolve)
  })
  const bound = server.address()
  const port = bound === null || typeof bound === "string" ? 0 : bound.port
  return { server: listeners.push(listening) - 1, port, path }
}

const greet = (socket: Socket, greeting: Exclude<ListenOptions["greeting"], undefined | "absorb">): void => {
  if ("send" in greeting) socket.write(bytesOf(greeting.send))
  else if ("sendAndEnd" in greeting) socket.end(bytesOf(greeting.sendAndEnd))
  else {
    socket.once("data", () => (greeting.onceSpokenTo === "end" ? socket.end() : socket.resetAndDestroy()))
    socket.resume()
  }
}

const describePeer = (socket: Socket): Omit<Accepted, "socket"> => {
  const { remoteAddress = "", remotePort = 0 } = socket
  const clientName =
    socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate().subject["CN"] : undefined
  return {
    remoteAddress,
    remotePort,
    ...(socket instanceof TLSSocket && socket.servername ? { serverName: socket.servername } : {}),
    ...(typeof clientName === "string" ? { clientName } : {})
  }
}

const relay = (listening: Listening, client: Socket, port: number): void => {
  client.on("error", () => listening.wireEnd.resolve())
  client.once("end", () => listening.wireEnd.resolve())
  if (listening.isBroken) {
    client.destroy()
    return
  }
  const upstream = connect(port, "127.0.0.1")
  upstream.on("error", () => client.destroy())
  client.on("data", (chunk: Buffer) => listening.wire.push(chunk))
  client.on("close", () => upstream.destroy())
  upstream.pipe(client)
  client.pipe(upstream)
}

const close = (listening: Listening): Promise<null> =>
  new Promise((resolve) => {
    listening.server.close(() => {
      rmSync(listening.directory, { recursive: true })
      resolve(null)
    })
    for (const socket of listening.open) socket.destroy()
  })

const receive = (socket: Socket, byteCountMax: number, isSlow: boolean): Promise<Answers["receive"]> =>
  new Promise((resolve) => {
    const hash = createHash("sha256")
    let byteCount = 0
    const finish = () => {
      socket.off("data", take).off("end", finish)
      resolve({ byteCount, sha256: hash.digest("hex") })
    }
    const take = (chunk: Buffer) => {
      hash.update(chunk)
      byteCount += chunk.length
      if (byteCount >= byteCountMax) finish()
      else if (isSlow) {
        socket.pause()
        setImmediate(() => socket.resume())
      }
    }
    socket.on("data", take)
    socket.once("end", finish)
    socket.resume()
  })

const next = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.once("data", (chunk: Buffer) => {
      socket.pause()
      resolve(chunk.toString("latin1"))
    })
    socket.resume()
  })

const answer = (request: Request): unknown => {
  if (request.op === "listen") return listen(request.options)
  if ("server" in request) return answerOfServer(request, at(listeners, request.server))
  return answerOfSocket(request, at(held, request.socket))
}

const answerOfServer = (request: Extract<Request, { readonly server: number }>, listening: Listening): unknown => {
  switch (request.op) {
    case "close":
      return close(listening)
    case "accept": {
      const accepted = listening.accepted.shift()
      return accepted ?? new Promise<Accepted>((resolve) => listening.waiting.push(resolve))
    }
    case "break":
      listening.isBroken = request.isBroken
      return null
    case "resetClients":
      for (const socket of listening.open) socket.resetAndDestroy()
      return null
    case "wire":
      return listening.wireEnd.promise.then(() => Buffer.concat(listening.wire).toString("latin1"))
  }
}

const answerOfSocket = (request: Extract<Request, { readonly socket: number }>, { ending, socket }: Held): unknown => {
  switch (request.op) {
    case "write":
      return new Promise((resolve) => socket.write(bytesOf(request.payload), () => resolve(null)))
    case "startWrite":
      socket.write(bytesOf(request.payload))
      return null
    case "end":
      if (request.payload === undefined) socket.end()
      else socket.end(bytesOf(request.payload))
      return null
    case "destroy":
      socket.destroy()
      return null
    case "reset":
      socket.resetAndDestroy()
      return null
    case "queuedByteCount":
      return socket.writableLength
    case "next":
      return next(socket)
    case "receive":
      return receive(socket, request.byteCount ?? Number.POSITIVE_INFINITY, request.isSlow === true)
    case "ended":
      socket.resume()
      return ending
  }
}

const reply = (id: string, message: Answer<unknown>): void => {
  process.stdout.write(`${id} ${JSON.stringify(message)}\n`)
}

createInterface({ input: process.stdin }).on("line", async (line) => {
  const [id = ""] = line.split(" ", 1)
  const request: Request = JSON.parse(line.slice(id.length))
  try {
    reply(id, { value: await answer(request) })
  } catch (error) {
    reply(id, { failure: String(error) })
  }
})
process.stdin.once("end", () => process.exit())

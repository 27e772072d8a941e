/**
 * A listening HTTP server of `node:http`, which all three runtimes have, that hands each exchange to its handler.
 *
 * It promises that every caller gets an answer or a closed connection, whatever becomes of the handler, that what is no
 * HTTP is answered with the status that says so, and that closing lets the accepted requests finish.
 */
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
  STATUS_CODES
} from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { Target } from "@weir/transport"
import { Cause, Data, Deferred, Effect, Exit, type Fiber, type Scope } from "effect"

export class ListenError extends Data.TaggedError("ListenError")<{
  readonly host: string
  readonly port: number
  readonly code: string
}> {
  override get message(): string {
    const address = Target.formatAddress(Target.tcp(this.host, this.port))
    return `cannot listen on ${address}: ${listenProblems.get(this.code) ?? this.code}`
  }
}

const listenProblems: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", "the port is in use (EADDRINUSE)"],
  ["EACCES", "no permission; ports below 1024 need a privilege (EACCES)"],
  ["EADDRNOTAVAIL", "no interface of this machine has the address (EADDRNOTAVAIL)"],
  ["ENOTFOUND", "the host name has no address (ENOTFOUND)"]
])

/** Why a caller is refused or cut off that has not gone away by itself. */
export interface CallerFault {
  /** `idle`: nothing has moved between the caller and the gateway for `idleMillisMax`. */
  readonly kind: "protocol" | "idle"
  readonly status: number
  readonly detail: string
}

/** One request with its response, and what the listener knows of them. */
export class Incoming {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  /** Why the listener interrupts the exchange; absent: the caller has gone away. */
  fault: CallerFault | undefined
  private isHeldBack: boolean

  constructor(message: IncomingMessage, response: ServerResponse, isHeldBack: boolean) {
    this.message = message
    this.response = response
    this.isHeldBack = isHeldBack
  }

  /** Lets a caller that waits for `100 Continue` send its body. */
  continueBody(): void {
    if (!this.isHeldBack) return
    this.isHeldBack = false
    this.response.writeContinue()
  }

  /**
   * Begins the answer. Where the caller was not told to send its body, whether one follows is anybody's guess, and the
   * connection ends with the answer. Node sees to that itself; Bun and Deno do not.
   */
  writeHead(status: number, reasonPhrase: string, headers: OutgoingHttpHeaders | Array<string>): void {
    if (this.isHeldBack) this.response.shouldKeepAlive = false
    this.response.writeHead(status, reasonPhrase, headers)
  }
}

/** Answers a request. It is interrupted when its caller has gone away, or with `fault` set. */
export type Handler = (incoming: Incoming) => Effect.Effect<void>

/** A request being answered by plain calls. */
export interface Answering {
  /** Called once, and before `giveUp`. */
  begin(): void
  /**
   * The caller has gone away, or is cut off for `incoming.fault`: ends it in this stack. Does nothing once it is over.
   */
  giveUp(): void
}

/** `onOver` is to be called once for each request that has begun, perhaps within `begin`. */
export type PlainHandler = (incoming: Incoming, onOver: (end: Exit.Exit<void>) => void) => Answering

export interface Listener {
  readonly host: string
  readonly port: number
  /** Requests under way. */
  readonly activeCount: () => number
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** The port as given or none; otherwise the next free one. */
  readonly isFixed: boolean
  /**
   * With nothing read or written for so long, an exchange is given up. Default: 300,000, Envoy's stream idle timeout.
   */
  readonly idleMillisMax?: number | undefined
  /** Told of each caller that was refused before there was a request to hand on. */
  readonly onRefused?: (fault: CallerFault) => void
}

/** How many ports after the wanted one are tried where any will do. */
const portsTriedMax = 50

/** How long accepted requests may take to finish when the server closes. */
const drainTimeout = "30 seconds"

/** Node's values beside Envoy's; those that are not named are Node's. */
const serverOptions = {
  /** How long a connection may be idle between requests: Envoy's. */
  keepAliveTimeout: 3_600_000,
  /** A whole request may take its time, as long as it moves (see `ListenOptions.idleMillisMax`). */
  requestTimeout: 0,
  /** Envoy's bound on a head. */
  maxHeaderSize: 60 * 1024,
  /** Node would drop all but the first of some fields. */
  joinDuplicateHeaders: true,
  /** Node would answer a request without a host, and nobody would hear of it. */
  requireHostHeader: false,
  /** A request without a body needs no stream that ends. */
  optimizeEmptyRequests: true
} as const

/** Listens until the scope closes, which stops accepting and lets the accepted requests finish. */
export const listen = (options: ListenOptions, handler: Handler): Effect.Effect<Listener, ListenError, Scope.Scope> =>
  Effect.flatMap(Effect.context<never>(), (context) => {
    const fork = Effect.runForkWith(context)
    return listenPlain(options, (incoming, onOver) => new FiberAnswering(() => fork(handler(incoming)), onOver))
  })

/** `listen` for a handler that needs no fiber. */
export const listenPlain = (
  options: ListenOptions,
  handler: PlainHandler
): Effect.Effect<Listener, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const exchanges = new Exchanges(Effect.runForkWith(yield* Effect.context<never>()), handler)
    const server = makeServer(exchanges, options)
    const bind = (port: number, left: number): Effect.Effect<number, ListenError> =>
      bindOnce(server, options.host, port).pipe(
        Effect.catch((error) =>
          options.isFixed || left === 0 || error.code !== "EADDRINUSE" ? Effect.fail(error) : bind(port + 1, left - 1)
        )
      )
    const port = yield* Effect.acquireRelease(bind(options.port, portsTriedMax), () => close(server, exchanges))
    return { host: options.host, port, activeCount: () => exchanges.running.size }
  })

class FiberAnswering implements Answering {
  private readonly fork: () => Fiber.Fiber<void>
  private readonly onOver: (end: Exit.Exit<void>) => void
  private fiber: Fiber.Fiber<void> | undefined

  constructor(fork: () => Fiber.Fiber<void>, onOver: (end: Exit.Exit<void>) => void) {
    this.fork = fork
    this.onOver = onOver
  }

  begin(): void {
    this.fiber = this.fork()
    this.fiber.addObserver(this.onOver)
  }

  giveUp(): void {
    this.fiber?.interruptUnsafe()
  }
}

/** The exchanges under way. */
class Exchanges {
  readonly running = new Map<Incoming, Answering>()
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private readonly handler: PlainHandler
  private onIdle: (() => void) | undefined

  constructor(fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>, handler: PlainHandler) {
    this.fork = fork
    this.handler = handler
  }

  begin(incoming: Incoming): void {
    const { message, response } = incoming
    if (this.onIdle !== undefined) response.shouldKeepAlive = false
    const answering = this.handler(incoming, (end) => {
      this.running.delete(incoming)
      this.settle(incoming, end)
      if (this.running.size === 0) this.onIdle?.()
    })
    this.running.set(incoming, answering)
    // An answer that was handed to the system is over by now, except on Bun, which says so of one whose caller has gone away
    // and never calls back (seen on 1.4.5).
    response.on("close", () => answering.giveUp())
    // Bun says so here too (1.4.5), and takes it for a defect if nobody listens.
    message.on("error", () => {})
    answering.begin()
  }

  /** Gives up the exchanges of a connection; returns how many there were. */
  cut(socket: Duplex, fault: CallerFault): number {
    let count = 0
    for (const [incoming, answering] of this.running) {
      if (incoming.message.socket !== socket) continue
      count++
      incoming.fault = fault
      incoming.response.shouldKeepAlive = false
      answering.giveUp()
    }
    return count
  }

  /** From now on no answer keeps its connection; `onIdle` is called when none is under way. */
  drain(onIdle: () => void): void {
    this.onIdle = onIdle
    for (const { response } of this.running.keys()) if (!response.headersSent) response.shouldKeepAlive = false
    if (this.running.size === 0) onIdle()
  }

  /** Whatever became of the exchange, its caller does not wait for ever, and its next request is read. */
  private settle({ message, response }: Incoming, end: Exit.Exit<void>): void {
    if (Exit.isFailure(end) && !Cause.hasInterruptsOnly(end.cause)) {
      this.fork(Effect.logError(`a defect ended ${message.method} ${message.url}`, end.cause))
    }
    if (!response.writableEnded) {
      if (response.headersSent) response.destroy()
      else if (!response.destroyed) response.writeHead(500, { connection: "close", "content-length": 0 }).end()
    }
    if (!message.readableEnded) message.resume()
  }
}

const makeServer = (exchanges: Exchanges, { idleMillisMax = 300_000, onRefused }: ListenOptions): Server => {
  const server = createServer(serverOptions, (message, response) => {
    exchanges.begin(new Incoming(message, response, false))
  })
  // Without a limit here Node drops the fields beyond the 2000th and says nothing; the size of a head is bounded
  // anyway.
  server.maxHeadersCount = 0
  server.on("checkContinue", (message, response) => {
    exchanges.begin(new Incoming(message, response, true))
  })
  // RFC 9110 section 10.1.1 lets an expectation that nobody knows be ignored.
  server.on("checkExpectation", (message, response) => {
    exchanges.begin(new Incoming(message, response, false))
  })
  const refuse = (socket: Duplex, fault: CallerFault): void => {
    if (exchanges.cut(socket, fault) > 0) return
    onRefused?.(fault)
    if (socket.writable) socket.write(refusalText(fault))
    // What was written is in the system's hands; whoever sends what is no HTTP gets no second chance to be read.
    socket.destroy()
  }
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    const fault = faultOf(error)
    if (fault === undefined) socket.destroy()
    else refuse(socket, fault)
  })
  server.on("connect", (_message, socket) => {
    refuse(socket, { kind: "protocol", status: 405, detail: "CONNECT: the gateway opens no tunnels" })
  })
  server.setTimeout(idleMillisMax, (socket: Socket) => {
    const detail = `nothing was sent or taken for ${idleMillisMax} ms`
    // Node's timer for connections between requests ends here as well.
    if (exchanges.cut(socket, { kind: "idle", status: 504, detail }) === 0) socket.destroy()
  })
  return server
}

/** What of the caller's making is wrong; undefined for an end of its connection. */
const faultOf = (error: NodeJS.ErrnoException): CallerFault | undefined => {
  const { code = "", message } = error
  const fault = (status: number): CallerFault => ({ kind: "protocol", status, detail: message })
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return fault(408)
  if (code === "HPE_HEADER_OVERFLOW") return fault(431)
  if (code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") return fault(413)
  // The connection ended in the middle of a head: nobody is there to be told.
  if (code === "HPE_INVALID_EOF_STATE") return undefined
  return code.startsWith("HPE_") ? fault(400) : undefined
}

const refusalText = ({ detail, status }: CallerFault): string => {
  const body = `${status} DPE: ${detail}\n`
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body
  ].join("\r\n")
}

const bindOnce = (server: Server, host: string, port: number): Effect.Effect<number, ListenError> =>
  Effect.callback((resume) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      server.off("listening", onListening)
      resume(Effect.fail(new ListenError({ host, port, code: error.code ?? error.message })))
    }
    const onListening = (): void => {
      server.off("error", onError)
      const address = server.address()
      resume(Effect.succeed(address !== null && typeof address === "object" ? address.port : port))
    }
    server.once("error", onError)
    server.once("listening", onListening)
    server.listen(port, host)
  })

const close = (server: Server, exchanges: Exchanges): Effect.Effect<void> =>
  Effect.gen(function* () {
    const closed = yield* Deferred.make<void>()
    // No further connection is accepted; idle ones are closed now, the others after their answer.
    server.close(() => Deferred.doneUnsafe(closed, Effect.void))
    const finished = Effect.callback<void>((resume) => exchanges.drain(() => resume(Effect.void)))
    yield* Effect.timeoutOrElse(finished, {
      duration: drainTimeout,
      orElse: () =>
        Effect.logWarning(`${exchanges.running.size} requests were not finished after ${drainTimeout} and are cut off`)
    })
    server.closeAllConnections()
    yield* Deferred.await(closed)
  })

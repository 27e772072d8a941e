/**
 * Runs a script of the client world: the real client, pool and codec over the simulated network, against servers that
 * answer each request with bytes made from its number. Every answer has to be the answer to its own request, nothing
 * that must not be sent twice may come twice, and at the end everything has to be closed and every byte accounted for.
 */
import { type ClientRequest, type ClientResponse, emptyBody, WeirClient } from "@weir/client"
import { type HeardRequest, HttpPeer, type SimulatedConnection, SimulatedNetwork, Simulation } from "@weir/testkit"
import { type Connection, Connector } from "@weir/transport"
import { Cause, Context, Effect, Exit, Layer, Logger, Scope } from "effect"
import { countMovesInto } from "../connectionMoves.ts"
import type { RunOptions, RunResult } from "../pool/PoolWorld.ts"
import { Judge } from "../Violation.ts"
import type { ClientScript, Exchange } from "./ClientScript.ts"

const stepCountMax = 1_000_000

/** Bytes that no other exchange has in this order. */
const bytesOf = (number: number, kind: "sent" | "answered", count: number): string => {
  const unit = `<${kind} ${number}>`
  return unit.repeat(Math.ceil(count / unit.length)).slice(0, count)
}

const latin1 = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

export const runClientScript = (script: ClientScript, options: RunOptions = {}): RunResult =>
  new ClientWorld(script, options).run()

class ClientWorld {
  private readonly script: ClientScript
  private readonly simulation: Simulation
  private readonly network: SimulatedNetwork
  private readonly judge = new Judge()
  private readonly tally = new Map<string, number>()
  private readonly trace: (line: () => string) => void
  /** How often each exchange's head has reached a server. */
  private readonly heardCounts = new Map<number, number>()
  private settledCount = 0
  /** When the last request may come on a connection that an answer has made useless, with its time to travel. */
  private readonly lastUseMillis = new Map<Connection, number>()

  constructor(script: ClientScript, options: RunOptions) {
    const { blackHoleRatio, interleaving, latencyMillisMax, pieceByteCountMax, refusedRatio, seed, yieldRatio } = script
    this.script = script
    this.simulation = new Simulation({ seed, interleaving, yieldRatio })
    this.network = new SimulatedNetwork(this.simulation, {
      blackHoleRatio,
      refusedRatio,
      latencyMillisMax,
      pieceByteCountMax
    })
    const listener = options.trace
    this.trace = (line) =>
      listener?.(`${this.simulation.clock.elapsedMillis} ms, step ${this.simulation.stepCount}: ${line()}`)
    for (const host of [0, 1]) {
      this.network.setName(`host${host}`, `10.1.0.${host}`)
      this.network.listen(`10.1.0.${host}`, 80, (connection) => this.accept(connection))
    }
  }

  run(): RunResult {
    const { judge, script, simulation } = this
    countMovesInto(this.tally)
    const logger = Logger.make<unknown, void>(({ message }) => {
      judge.must(false, "no defects", () => JSON.stringify(message))
    })
    const scope = Effect.runSync(Scope.make())
    const layer = WeirClient.layer({
      pool: {
        connectionsPerRouteMax: script.connectionsPerRouteMax,
        idleTimeout: script.idleTimeoutMillis,
        acquireTimeout: 2000,
        connectTimeout: 300
      },
      http: { responseHeadTimeout: 500, bodyIdleTimeout: 500, requestTimeout: 3000 }
    }).pipe(Layer.provide(Layer.succeed(Connector, this.network.connector)))
    const built = simulation.run(
      Effect.provideService(Layer.buildWithScope(layer, scope), Logger.CurrentLoggers, new Set([logger]))
    )
    if (Exit.isFailure(built)) throw new Error(Cause.pretty(built.cause))
    const client = Context.get(built.value, WeirClient)
    let lastMillis = 0
    for (const [number, exchange] of script.operations.entries()) {
      lastMillis = Math.max(lastMillis, exchange.atMillis)
      simulation.after(exchange.atMillis + 1, () => this.begin(client, number, exchange))
    }
    simulation.after(lastMillis + 20_000, () => {
      const { length } = script.operations
      judge.equal(this.settledCount, length, "every call is answered", "calls")
      simulation.fork(Scope.close(scope, Exit.void))
    })
    while (judge.violation === undefined && simulation.step()) {
      judge.must(simulation.stepCount < stepCountMax, "no endless round", () => `${simulation.stepCount} steps`)
    }
    if (judge.violation === undefined) this.checkEnd()
    return this.result()
  }

  private begin(client: typeof WeirClient.Service, number: number, exchange: Exchange): void {
    const { host, interruptAfterMillis, method, reads, sentByteCount } = exchange
    const text = bytesOf(number, "sent", method === "GET" ? 0 : sentByteCount)
    const request: ClientRequest = {
      origin: client.originFor(false, `host${host}`, 80),
      method,
      target: `/${number}`,
      headers: [],
      body: text === "" ? emptyBody : { _tag: "Bytes", bytes: Uint8Array.from(text, (one) => one.charCodeAt(0)) }
    }
    this.trace(() => `call ${number} ${method}`)
    const read = (response: ClientResponse) =>
      reads === "all"
        ? Effect.map(response.bytes, (bytes) => this.check(number, exchange, response, bytes))
        : Effect.sync(() => response.discard())
    const fiber = this.simulation.fork(Effect.flatMap(client.execute(request), read))
    fiber.addObserver((exit) => {
      this.settledCount++
      const outcome = Exit.isSuccess(exit) ? "answered" : Cause.hasInterrupts(exit.cause) ? "interrupted" : "failed"
      this.trace(() => `${outcome} ${number}${Exit.isFailure(exit) ? `: ${String(Cause.squash(exit.cause))}` : ""}`)
      this.count(`caller ${outcome}`)
      if (Exit.isFailure(exit)) {
        this.judge.must(!Cause.hasDies(exit.cause), "no defects", () => Cause.pretty(exit.cause))
        const isLive = this.simulation.clock.elapsedMillis <= exchange.atMillis + 1 + 3000
        this.judge.must(isLive, "deadlines kept to the millisecond", () => `call ${number}`)
      }
    })
    if (interruptAfterMillis > 0) this.simulation.after(interruptAfterMillis, () => fiber.interruptUnsafe())
  }

  private check(number: number, exchange: Exchange, response: ClientResponse, bytes: Uint8Array): void {
    const whole = bytesOf(number, "answered", exchange.answeredByteCount)
    const found = latin1(bytes)
    const of = response.head.get("x-number")
    this.judge.equal(of, String(number), "every request gets its own answer", `call ${number}`)
    // A body that ends with its connection may have been cut without a trace (RFC 9112 section 8).
    const isRight = exchange.framing === "close" ? whole.startsWith(found) : found === whole
    this.judge.must(isRight, "every answer is whole and its own", () => `call ${number}: ${found.slice(0, 60)}`)
  }

  // The server's side.

  private accept(connection: SimulatedConnection): void {
    const chance = this.simulation.chance.fork("server", connection.info.remotePort)
    if (chance.isHit(this.script.cutRatio)) {
      connection.cutAfter = { byteCount: chance.between(1, 900), how: chance.pick(["end", "reset"]) }
      this.count("fault cut")
    }
    let idle: () => void = () => {}
    const watch = () => {
      const { serverIdleMillis } = this.script
      if (serverIdleMillis > 0) idle = this.simulation.after(serverIdleMillis, () => connection.close())
    }
    new HttpPeer(
      connection,
      (request) => this.answer(request, connection, watch),
      ({ method, target }) => {
        idle()
        const { elapsedMillis } = this.simulation.clock
        const isTooLate = elapsedMillis > (this.lastUseMillis.get(connection) ?? Number.POSITIVE_INFINITY)
        this.judge.must(!isTooLate, "no request on a connection that is at its end", () => `call ${target}`)
        this.hear(method, Number(target.slice(1)))
      }
    )
    watch()
  }

  private hear(method: string, number: number): void {
    const count = (this.heardCounts.get(number) ?? 0) + 1
    this.heardCounts.set(number, count)
    this.trace(() => `heard ${number} for the ${count}. time`)
    this.judge.must(method !== "POST" || count === 1, "a POST reaches a server at most once", () => `call ${number}`)
    if (count > 1) this.count("fault retried")
  }

  private answer({ body, method, target }: HeardRequest, connection: Connection, done: () => void): void {
    const number = Number(target.slice(1))
    const exchange = this.script.operations[number]
    if (exchange === undefined) {
      this.judge.must(false, "only what was asked is asked", () => target)
      return
    }
    const expected = bytesOf(number, "sent", method === "GET" ? 0 : exchange.sentByteCount)
    this.judge.equal(latin1(body), expected, "every body arrives as it was sent", `call ${number}`)
    if (exchange.thinkMillis < 0) return
    const reply = () => {
      this.reply(connection, number, exchange)
      done()
    }
    if (exchange.thinkMillis === 0) reply()
    else this.simulation.after(exchange.thinkMillis, reply)
  }

  private reply(connection: Connection, number: number, exchange: Exchange): void {
    const { answeredByteCount, framing, twist } = exchange
    this.count(`fault ${twist}`)
    const body = bytesOf(number, "answered", answeredByteCount)
    const closing = framing === "close" || twist === "connection-close"
    const fields = [
      `X-Number: ${number}`,
      ...(closing ? ["Connection: close"] : []),
      ...(framing === "length" ? [`Content-Length: ${body.length}`] : []),
      ...(framing === "chunked" ? ["Transfer-Encoding: chunked"] : [])
    ]
    const half = body.length >> 1
    const chunk = (text: string) => (text === "" ? "" : `${text.length.toString(16)}\r\n${text}\r\n`)
    const framed = framing === "chunked" ? `${chunk(body.slice(0, half))}${chunk(body.slice(half))}0\r\n\r\n` : body
    const hints = twist === "early-hints" ? "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" : ""
    // No HTTP: a whole answer sent ahead could not be told from the next request's own.
    const isTainted = twist === "data-after" && framing !== "close"
    const excess = isTainted ? "\u0001 nobody asked for this" : ""
    connection.write(`${hints}HTTP/1.1 200 OK\r\n${fields.join("\r\n")}\r\n\r\n${framed}${excess}`)
    if (isTainted || twist === "connection-close") {
      const { clock } = this.simulation
      this.lastUseMillis.set(connection, clock.elapsedMillis + 2 * this.script.latencyMillisMax + 2)
    }
    if (framing === "close" || twist === "then-end") connection.close()
    else if (twist === "then-reset") connection.reset()
  }

  private checkEnd(): void {
    const { judge, network, simulation } = this
    judge.equal(network.openEndCount, 0, "all connections are closed", "ends")
    judge.equal(simulation.liveFiberCount, 0, "no fiber left", "fibers")
    judge.equal(simulation.clock.timerCount, 0, "no timer left", "timers")
    for (const { client, server } of network.connections) {
      for (const { counts } of [client, server]) {
        judge.equal(counts.read + counts.lost, counts.written, "every byte is accounted for", "bytes")
      }
    }
  }

  private count(key: string): void {
    this.tally.set(key, (this.tally.get(key) ?? 0) + 1)
  }

  private result(): RunResult {
    const { simulation, tally } = this
    countMovesInto(undefined)
    for (const [rule, count] of this.judge.askedCounts) tally.set(`rule ${rule}`, count)
    tally.set("network connections", this.network.connections.length)
    for (const [kind, count] of Object.entries(this.network.failedDialCounts)) tally.set(`network ${kind}`, count)
    const { stepCount } = simulation
    const { elapsedMillis } = simulation.clock
    const { violation } = this.judge
    return {
      violation: violation === undefined ? undefined : { ...violation, stepCount, atMillis: elapsedMillis },
      stepCount,
      elapsedMillis,
      tally
    }
  }
}

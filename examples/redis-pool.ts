import { connect as dial } from "node:net"
import { type ConnectionControl, type ConnectionFactory, ConnectionPool, Route } from "@weir/core"
import { Data, Deferred, Effect, Exit } from "effect"

export class RedisError extends Data.TaggedError("RedisError")<{ readonly message: string }> {}

/** The first answer, once all of it is there, and where it ends. Nobody here asks for arrays. */
const read = (bytes: Buffer): { answer: Exit.Exit<string | null, RedisError>; end: number } | undefined => {
  const line = bytes.indexOf("\r\n")
  if (line < 0) return undefined
  const [kind, text] = [bytes.toString("utf8", 0, 1), bytes.toString("utf8", 1, line)]
  if (kind === "-") return { answer: Exit.fail(new RedisError({ message: text })), end: line + 2 }
  if (kind !== "$" || text === "-1") return { answer: Exit.succeed(kind === "$" ? null : text), end: line + 2 }
  const end = line + 4 + Number(text)
  return end > bytes.length ? undefined : { answer: Exit.succeed(bytes.toString("utf8", line + 2, end - 2)), end }
}

/** One connection, one command at a time: the pool sees to that. */
const connect = Effect.fnUntraced(function* ({ host, port }: Route.Route, control: ConnectionControl) {
  const open = Effect.sync(() => dial({ host, port, noDelay: true }))
  const socket = yield* Effect.acquireRelease(open, (socket) => Effect.sync(() => socket.destroy()))
  let [received, asked] = [Buffer.alloc(0), Deferred.makeUnsafe<string | null, RedisError>()]
  const fail = (message: string) => Deferred.doneUnsafe(asked, Exit.fail(new RedisError({ message })))
  socket.once("connect", () => Deferred.doneUnsafe(asked, Exit.succeed(null)))
  socket.on("error", ({ message }) => fail(message))
  socket.on("close", () => control.lost("peer-closed")).on("close", () => fail("the connection ended"))
  socket.on("data", (bytes) => {
    received = Buffer.concat([received, bytes])
    const found = read(received)
    if (Deferred.isDoneUnsafe(asked) || (found && found.end < received.length)) control.lost("peer-data")
    if (found === undefined) return
    received = Buffer.alloc(0)
    Deferred.doneUnsafe(asked, found.answer)
  })
  yield* Deferred.await(asked)
  const send = (...words: ReadonlyArray<string>) =>
    Effect.suspend(() => {
      asked = Deferred.makeUnsafe()
      socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`)
      return Deferred.await(asked)
    })
  return { socket, send }
})

export const redisFactory: ConnectionFactory<Effect.Success<ReturnType<typeof connect>>> = {
  connect,
  isAlive: ({ socket }) => socket.readable && socket.writable,
  probe: ({ send }) => Effect.asVoid(send("PING")),
  onIdle: ({ socket }) => void socket.unref(),
  onLease: ({ socket }) => void socket.ref()
}

if (import.meta.main) {
  const route = Route.of("redis", "127.0.0.1", Number(process.argv[2] ?? 6379))
  const pooled = ConnectionPool.make(redisFactory, { connectionsPerRouteMax: 8 })
  const ping = Effect.flatMap(pooled, (pool) => pool.use(route, ({ send }) => send("PING")))
  console.log(await Effect.runPromise(Effect.scoped(ping)))
}

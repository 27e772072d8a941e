/**
 * What a leased socket does when it is given back.
 */
import { once } from "node:events"
import { createServer } from "node:net"
import { createClient, serviceOf } from "@weir/fetch"
import { expect, it } from "vitest"
import { listen } from "../../../test/support/Listening.ts"
import { LeasedSocket } from "../src/LeasedSocket.ts"

/** Leases a connection to a server that greets, once the greeting has come. */
const withGreeted = async (body: (socket: LeasedSocket, openCount: () => number) => Promise<void>): Promise<void> => {
  const server = createServer((socket) => socket.on("error", () => undefined).write("hello"))
  const port = await listen(server)
  await using client = createClient()
  const service = serviceOf(client)
  const { route } = service.originFor(false, "127.0.0.1", port)
  const socket = await new Promise<LeasedSocket>((resolve, reject) => {
    service.pool.leaseUnsafe(route, undefined, (result) =>
      result instanceof Error ? reject(result) : resolve(new LeasedSocket(result))
    )
  })
  await once(socket, "readable")
  await body(socket, () => client.stats().connections.used)
  server.close()
}

it("a socket with bytes that nobody read takes its connection with it", () =>
  withGreeted(async (socket, openCount) => {
    socket.giveBack(undefined)
    expect(socket.destroyed).toBe(true)
    await expect.poll(openCount).toBe(0)
  }))

it("a socket that was given back touches its connection no more", () =>
  withGreeted(async (socket, openCount) => {
    expect(String(socket.read())).toBe("hello")
    socket.giveBack(undefined)
    const failed = once(socket, "error")
    socket.write("late")
    expect(String((await failed)[0])).toContain("has gone back to the pool")
    expect([socket.destroyed, openCount()]).toEqual([true, 1])
  }))

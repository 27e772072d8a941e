/**
 * What a server sends behind an answer, in the same write: nobody asked for it.
 */
import { Buffer } from "node:buffer"
import { once } from "node:events"
import { createServer, type Server } from "node:net"
import { createClient } from "@weir/fetch"
import { expect, it } from "vitest"
import { listen } from "../../../test/support/Listening.ts"

/** What the runtimes read at once, at most, and what it is read by: where an answer ends with a read. */
const readByteCounts = [8221, 66_049, 524_288]

/** An answer of so many bytes, head included, that tells which path it is for, and one to nobody behind it. */
const answerOf = (path: string, byteCount: number): string => {
  const head = (length: number): string => `HTTP/1.1 200 OK\r\nx-path: ${path}\r\ncontent-length: ${length}\r\n\r\n`
  let length = byteCount - head(byteCount).length
  while (head(length).length + length < byteCount) length++
  return `${head(length)}${"a".repeat(length)}HTTP/1.1 200 OK\r\nx-path: nobody\r\ncontent-length: 0\r\n\r\n`
}

/** Answers a request for `/NUMBER` with so many bytes. */
const overflowing = (): Server =>
  createServer((socket) => {
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      const path = / (\/(\d+)\S*) /.exec(chunk.toString("latin1"))
      if (path !== null) socket.write(answerOf(path[1] ?? "", Number(path[2])))
    })
  })

it("an answer that nobody asked for is nobody's, wherever a read ends", async () => {
  const server = overflowing()
  const base = `http://127.0.0.1:${await listen(server)}`
  const client = createClient({ pool: { connectionsPerRouteMax: 1 } })
  const paths = readByteCounts.flatMap((count) => [count - 1, count, count + 1].map((near) => `/${near}`))
  const answered = await Promise.all(
    paths.map(async (path) => {
      const answer = await client.fetch(base + path)
      await answer.arrayBuffer()
      return answer.headers.get("x-path")
    })
  )
  expect(answered).toEqual(paths)
  await client.close()
  await once(server.close(), "close")
})

it("a body of a usual size, in reads of its own, leaves its connection to the next call", async () => {
  let sendBody = (_byteCount: number): void => {}
  const server = createServer((socket) => {
    sendBody = (byteCount) => socket.write(Buffer.alloc(byteCount))
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      const path = / \/(\d+) /.exec(chunk.toString("latin1"))
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${path?.[1]}\r\n\r\n`)
    })
  })
  const base = `http://127.0.0.1:${await listen(server)}`
  const client = createClient({ pool: { connectionsPerRouteMax: 1 } })
  for (const byteCount of [4096, 8192, 16_384, 65_536, 131_072]) {
    const answer = await client.fetch(`${base}/${byteCount}`)
    sendBody(byteCount)
    expect((await answer.arrayBuffer()).byteLength).toBe(byteCount)
  }
  expect(client.stats().createdCount).toBe(1)
  await client.close()
  await once(server.close(), "close")
})

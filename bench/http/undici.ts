/**
 * undici in its three forms, and Effect's layer on it. Node only: Bun's undici is a stub.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import { promiseCaller, type Way } from "./Caller.ts"
import { effectWays } from "./effectWays.ts"
import { readResponse } from "./readResponse.ts"
import { check, type Work } from "./works.ts"

const poolFor = (port: number, connections: number) =>
  new Undici.Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 })

const dispatchOnce = (pool: Undici.Dispatcher, work: Work): Promise<void> =>
  new Promise((resolve, reject) => {
    let text = ""
    let byteCount = 0
    const pieces: Array<Buffer> = []
    pool.dispatch(
      { path: work.path, method: work.method, body: work.body ?? null },
      {
        onRequestStart: () => {},
        onResponseStart: () => {},
        onResponseData: (_controller, chunk) => {
          if (work.reading === "text") text += chunk.toString()
          else if (work.reading === "bytes") pieces.push(chunk)
          else byteCount += chunk.length
        },
        onResponseEnd: () => {
          if (work.reading === "text") byteCount = text.length
          if (work.reading === "bytes") byteCount = Buffer.concat(pieces).length
          check(work, byteCount)
          resolve()
        },
        onResponseError: (_controller, error) => reject(error)
      }
    )
  })

const dispatch: Way = {
  name: "undici dispatch",
  open: (work, port, connectionCount) => {
    const pool = poolFor(port, connectionCount)
    return promiseCaller(connectionCount, () => dispatchOnce(pool, work))
  }
}

const request: Way = {
  name: "undici request",
  open: (work, port, connectionCount) => {
    const pool = poolFor(port, connectionCount)
    const options = { path: work.path, method: work.method, body: work.body ?? null }
    return promiseCaller(connectionCount, async () => {
      const { body } = await pool.request(options)
      if (work.reading === "text") check(work, (await body.text()).length)
      else if (work.reading === "bytes") check(work, (await body.arrayBuffer()).byteLength)
      else {
        let byteCount = 0
        for await (const piece of body) byteCount += piece.length
        check(work, byteCount)
      }
    })
  }
}

const fetching: Way = {
  name: "undici fetch",
  open: (work, port, connections) => {
    const dispatcher = new Undici.Agent({ connections, pipelining: 1 })
    const url = `http://127.0.0.1:${port}${work.path}`
    const init = work.body === undefined ? { dispatcher } : { method: work.method, body: work.body, dispatcher }
    return promiseCaller(connections, async () => readResponse(await Undici.fetch(url, init), work))
  }
}

export const undiciWays: ReadonlyArray<Way> = [
  dispatch,
  request,
  fetching,
  ...effectWays("effect undici", NodeHttpClient.layerUndici)
]

/**
 * What is asked for: the requests that every way of calling makes, and what has to come back.
 */
import { answerBody, sizedPaths } from "../upstream.ts"

export type WorkName = "get-41" | "get-64k" | "post-16k" | "stream-100m"

export interface Work {
  readonly title: string
  readonly method: "GET" | "POST"
  readonly path: string
  readonly body: Uint8Array | undefined
  readonly answerByteCount: number
  /** How the answer is read: as text, as bytes in one piece, or piece by piece. */
  readonly reading: "text" | "bytes" | "pieces"
}

const get = { method: "GET", body: undefined } as const

export const works: Readonly<Record<WorkName, Work>> = {
  "get-41": { ...get, title: "GET 41 B", path: "/", answerByteCount: answerBody.length, reading: "text" },
  "get-64k": {
    ...get,
    title: "GET 64 KB",
    path: "/64k",
    answerByteCount: sizedPaths["/64k"] ?? 0,
    reading: "bytes"
  },
  "post-16k": {
    method: "POST",
    body: new Uint8Array(16_384).fill(0x78),
    title: "POST 16 KB",
    path: "/",
    answerByteCount: answerBody.length,
    reading: "text"
  },
  "stream-100m": {
    ...get,
    title: "stream of 100 MB",
    path: "/100m",
    answerByteCount: sizedPaths["/100m"] ?? 0,
    reading: "pieces"
  }
}

export const isWorkName = (name: string): name is WorkName => Object.hasOwn(works, name)

export const urlOf = (work: Work, port: number): string => `http://127.0.0.1:${port}${work.path}`

/** An answer of another length means that something else was measured. */
export const check = (work: Work, byteCount: number): void => {
  if (byteCount !== work.answerByteCount) {
    throw new Error(`${work.title}: an answer of ${byteCount} bytes, not ${work.answerByteCount}`)
  }
}

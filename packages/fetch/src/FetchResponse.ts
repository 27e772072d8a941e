/**
 * A `Response` that says where it came from, and that makes the dear parts of the standard's objects when they are asked for.
 *
 * Bun and Deno look into a `Response` by other ways than its methods: `Bun.serve`, `Bun.write` and `Deno.serve` take one as it
 * is. There all of it is inside from the start, the body as bytes where all of it has come and as a stream otherwise.
 * On Node nothing looks inside: what is there is an empty response, and header fields and stream are made for whoever asks.
 *
 * `text`, `json`, `bytes` and `arrayBuffer` take a body that is not inside as bytes from the client, in one piece. Everything else
 * goes by the stream, and so do those four once somebody has asked for that.
 */
import type { ClientResponse } from "@weir/client"
import { platform } from "#platform"
import { AnswerBody, readAlready } from "./AnswerBody.ts"

export class FetchResponse extends Response {
  readonly #url: string
  readonly #isRedirected: boolean
  /** Absent: there is none, or it is inside as bytes. */
  readonly #body: AnswerBody | undefined
  /** Has the body as a stream where that is not inside. */
  #opened: Response | undefined
  /** Its fields are not inside yet. */
  #head: ClientResponse["head"] | undefined

  constructor(
    head: ClientResponse["head"],
    body: AnswerBody | Uint8Array<ArrayBuffer> | null,
    url: string,
    isRedirected: boolean
  ) {
    const isWaiting = body instanceof AnswerBody
    const inside = isWaiting ? (platform.looksIntoResponses ? body.open() : null) : body
    const { reasonPhrase: statusText, status } = head
    const headers = platform.copiesHeaders ? copies.of(head.headers) : undefined
    super(inside, headers === undefined ? { status, statusText } : { status, statusText, headers })
    this.#url = url
    this.#isRedirected = isRedirected
    this.#body = isWaiting ? body : undefined
    this.#head = headers === undefined ? head : undefined
    if (platform.looksIntoResponses) this.#fill()
  }

  override get url(): string {
    return this.#url
  }

  override get redirected(): boolean {
    return this.#isRedirected
  }

  override get type(): ResponseType {
    return "basic"
  }

  override get headers(): Headers {
    this.#fill()
    return super.headers
  }

  override get body(): Response["body"] {
    this.#open()
    return this.#opened === undefined ? super.body : this.#opened.body
  }

  override get bodyUsed(): boolean {
    if (this.#body?.state === "taken") return true
    return this.#opened === undefined ? super.bodyUsed : this.#opened.bodyUsed
  }

  override text(): Promise<string> {
    const bytes = this.#take()
    if (bytes === undefined) return this.#opened === undefined ? super.text() : this.#opened.text()
    return bytes instanceof Uint8Array ? Promise.resolve(textOf(bytes)) : bytes.then(textOf)
  }

  override json(): Promise<unknown> {
    const bytes = this.#take()
    if (bytes === undefined) return this.#opened === undefined ? super.json() : this.#opened.json()
    return Promise.resolve(bytes).then(jsonOf)
  }

  override bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#take()
    if (bytes === undefined) return this.#opened === undefined ? super.bytes() : this.#opened.bytes()
    return Promise.resolve(bytes)
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = this.#take()
    if (bytes === undefined) return this.#opened === undefined ? super.arrayBuffer() : this.#opened.arrayBuffer()
    return Promise.resolve(bytes).then(({ buffer }) => buffer)
  }

  override blob(): Promise<Blob> {
    this.#open()
    return this.#opened === undefined ? super.blob() : this.#opened.blob()
  }

  override formData(): Promise<FormData> {
    this.#open()
    return this.#opened === undefined ? super.formData() : this.#opened.formData()
  }

  override clone(): Response {
    if (this.#body?.state === "taken") throw readAlready()
    this.#open()
    return this.#opened === undefined ? super.clone() : this.#opened.clone()
  }

  /** The body from the client, unless it goes by the stream or is inside. */
  #take(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> | undefined {
    return this.#body === undefined || this.#body.state === "opened" ? undefined : this.#body.take()
  }

  #open(): void {
    const body = this.#body
    if (body === undefined) return
    if (body.state === "unread") body.state = "opened"
    if (this.#opened !== undefined || super.body !== null) return
    const { headers, status, statusText } = this
    this.#opened = new Response(body.open(), { status, statusText, headers })
  }

  /** Given to the constructor, the fields would all be copied there once more. */
  #fill(): void {
    if (this.#head === undefined) return
    const raw = this.#head.headers
    this.#head = undefined
    appendAll(super.headers, raw)
  }
}

const appendAll = (headers: Headers, raw: ReadonlyArray<string>): Headers => {
  for (let index = 0; index + 1 < raw.length; index += 2) headers.append(raw[index] ?? "", raw[index + 1] ?? "")
  return headers
}

/** `Headers` to be copied, of the fields that came last: the codec gives the very same array for the same fields. */
class HeadersCopies {
  private fields: ReadonlyArray<string> | undefined
  private headers: Headers | undefined

  /** Absent for fields that have not come a second time. */
  of(fields: ReadonlyArray<string>): Headers | undefined {
    if (this.fields !== fields) {
      this.fields = fields
      this.headers = undefined
      return undefined
    }
    this.headers ??= appendAll(new Headers(), fields)
    return this.headers
  }
}

const copies = new HeadersCopies()

const decoder = new TextDecoder()
const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)
const jsonOf = (bytes: Uint8Array): unknown => JSON.parse(textOf(bytes))

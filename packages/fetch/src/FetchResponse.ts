/**
 * A `Response` that says where it came from. One that a program makes by itself has neither URL nor type.
 */
export class FetchResponse extends Response {
  readonly #url: string
  readonly #isRedirected: boolean

  constructor(
    body: BodyInit | null,
    init: { readonly status: number; readonly statusText: string },
    url: string,
    isRedirected: boolean
  ) {
    super(body, init)
    this.#url = url
    this.#isRedirected = isRedirected
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
}

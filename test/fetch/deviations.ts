/**
 * Where Weir's `fetch` does not do what the standard asks for, and why. A behaviour that is listed here and holds
 * nevertheless fails the test, so the list stays true.
 */
export interface Deviation {
  readonly why: string
  /** Where it deviates; absent: everywhere. */
  readonly runtimes?: ReadonlyArray<string>
}

export const deviations: ReadonlyMap<string, Deviation> = new Map<string, Deviation>([
  [
    "reads data: URLs",
    { why: "No connection is involved, so a pool has nothing to add: use the runtime's own `fetch`." }
  ],
  [
    "asks for duplex: half with a stream",
    { why: "It is told to say that answers may come before the request has ended, which is so for every call here." }
  ],
  [
    "hides a redirect in mode manual",
    {
      why: "A server that asks for redirects wants to see them: status and location are given, as Node, Bun and Deno do."
    }
  ],
  [
    "does not let its headers be changed",
    { why: "No runtime lets a program make such a `Response`. What is changed there changes nothing else." }
  ],
  [
    "streams into a buffer of the reader's own",
    { why: "The body is a plain stream of chunks, which is cheaper; read them, or use `request`." }
  ],
  [
    "refuses ports of other protocols",
    { why: "That protects browsers from pages. A server's calls go where its program says." }
  ],
  [
    "gives the body as text, JSON, bytes, a buffer and a Blob with its type",
    { why: "All but the type, to which Bun's `Response` adds a charset of its own.", runtimes: ["bun"] }
  ]
])

/** Why this behaviour is not to be expected on this runtime; absent: it is. */
export const deviationOn = (says: string, runtime: string): string | undefined => {
  const deviation = deviations.get(says)
  return deviation?.runtimes?.includes(runtime) === false ? undefined : deviation?.why
}

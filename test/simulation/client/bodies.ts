/**
 * What is sent and answered in the client world: bytes that belong to one exchange and to no other.
 */

export const bytesOf = (number: number, kind: "sent" | "answered", count: number): string => {
  const unit = `<${kind} ${number}>`
  return unit.repeat(Math.ceil(count / unit.length)).slice(0, count)
}

export const latin1 = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

export const fromLatin1 = (text: string): Uint8Array => Uint8Array.from(text, (one) => one.charCodeAt(0))

/**
 * The classes of octets that HTTP's grammar is made of, as lookup tables with 1 for each member.
 *
 * They are indexed by an octet, or by a UTF-16 unit of a string to be sent: above 0xFF the lookup gives `undefined`,
 * which is no member, so what Latin-1 cannot carry is refused by the same test.
 */

const octetTable = (isMember: (octet: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, octet) => (isMember(octet) ? 1 : 0))

const isVisible = (octet: number): boolean => octet > 0x20 && octet < 0x7f

const isAlphanumeric = (octet: number): boolean =>
  (octet >= 0x30 && octet <= 0x39) || (octet >= 0x41 && octet <= 0x5a) || (octet >= 0x61 && octet <= 0x7a)

/** `tchar` (RFC 9110 section 5.6.2): what methods and field names are made of. */
export const tokenOctets = octetTable(
  (octet) => isAlphanumeric(octet) || (octet < 0x80 && "!#$%&'*+-.^_`|~".includes(String.fromCharCode(octet)))
)

/**
 * What may stand in a field value or a reason phrase (RFC 9110 section 5.5, RFC 9112 section 4): visible characters,
 * `obs-text` (0x80 to 0xFF), space and tab; no other control character.
 */
export const fieldOctets = octetTable((octet) => isVisible(octet) || octet >= 0x80 || octet === 0x20 || octet === 0x09)

/**
 * What may stand in a request target. Wider than a URI's grammar (`|`, `{` and their like pass, as browsers send them)
 * but without space, control characters, anything beyond ASCII, and `#`: a fragment is never sent (RFC 9112 section 3.2).
 */
export const targetOctets = octetTable((octet) => isVisible(octet) && octet !== 0x23)

/** What may stand in `Host` (RFC 9110 section 7.2): the target's octets without those that end or precede an authority. */
export const hostOctets = octetTable(
  (octet) => targetOctets[octet] === 1 && !"/?@\\".includes(String.fromCharCode(octet))
)

/** ASCII text as octets. */
export const octetsOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** Where the first unit outside the class stands, or -1. */
export const findOutsider = (text: string, octets: Uint8Array): number => {
  for (let index = 0; index < text.length; index++) {
    if (octets[text.charCodeAt(index)] !== 1) return index
  }
  return -1
}

/** `0x0d`, for messages. */
export const formatOctet = (octet: number): string => `0x${octet.toString(16).padStart(2, "0")}`

/**
 * A self-signed certificate for localhost and 127.0.0.1, valid until 2126, and its key: for tests, a secret to nobody.
 * `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=localhost -addext
 * subjectAltName=DNS:localhost,IP:127.0.0.1`
 */
export const cert = `-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUFsnSeHr4MDi2gobbrFtuLPZRiPIwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTEwMTYwNVoYDzIxMjYxMDI4
MTAxNjA1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASPhHSQ36Rn6Q0JgTwIzG/uolZkQQU/2H5xM9xTNJruajLoSJsoNk0Z
iZMsp+5gjUtFsWufL82FpLFJpwprkS52o28wbTAdBgNVHQ4EFgQUmi49AzTPUqVI
xWrcyLzdYKnL84QwHwYDVR0jBBgwFoAUmi49AzTPUqVIxWrcyLzdYKnL84QwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgRC/4h4XswUkzTCeM7W3iCu2rj/vbeqoKTc7uyoPOZlQCIE6K
KkedCUAg26m0H4FwEvSx/yvRTSck3Q/VB9hBA6UJ
-----END CERTIFICATE-----
`

export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSk5Sj56DGULITcMB
0yz5Ej3mwsY7nAIwru4EJKoFKTehRANCAASPhHSQ36Rn6Q0JgTwIzG/uolZkQQU/
2H5xM9xTNJruajLoSJsoNk0ZiZMsp+5gjUtFsWufL82FpLFJpwprkS52
-----END PRIVATE KEY-----
`

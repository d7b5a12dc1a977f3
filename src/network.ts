// Networks by their CIDR notation.
import { BlockList, isIPv4, isIPv6 } from "node:net";

const MAPPED = "::ffff:";

/** An IPv4 address that a socket shows as IPv6 (`::ffff:10.0.0.1`) is IPv4. */
export function plainAddress(address: string): string {
  return address.toLowerCase().startsWith(MAPPED) && address.includes(".") ? address.slice(MAPPED.length) : address;
}

/** Whether an address is in one of the networks (`10.0.0.0/8`, each valid). */
export function createNetworkTest(cidrs: readonly string[]): (address: string) => boolean {
  const networks = new BlockList();
  for (const cidr of cidrs) {
    const [address = "", bits] = cidr.split("/");
    networks.addSubnet(address, Number(bits), isIPv4(address) ? "ipv4" : "ipv6");
  }
  return (address) => {
    const plain = plainAddress(address);
    if (isIPv4(plain)) return networks.check(plain, "ipv4");
    // `fe80::1%eth0`
    const unscoped = address.split("%", 1)[0] as string;
    return isIPv6(unscoped) && networks.check(unscoped, "ipv6");
  };
}

#!/usr/bin/env bash
# Writes what the built programs are made of, in CycloneDX's format: bin/slashgrade.cdx.json and bin/slashgrade-guest.cdx.json. The guest's
# lists the standard library and nothing else.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib.sh"
cd "$here/.."

# sbom PROGRAM NAME describes bin/PROGRAM.
sbom() {
	quietly "$here/tool.sh" cyclonedx-gomod bin -json -std -version dev -output "bin/$2.cdx.json" "bin/$1"
	say "bin/$2.cdx.json lists $(grep -c '"bom-ref"' "bin/$2.cdx.json") modules"
}

sbom slashgrade slashgrade
sbom slashgrade-guest-linux-amd64 slashgrade-guest

//go:build tools

// Names the programs that set-up builds from this module; go.mod and go.sum pin them.
package tools

import (
	_ "golang.zx2c4.com/wireguard"
)

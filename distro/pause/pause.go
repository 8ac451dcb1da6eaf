// Package pause makes the program that holds a pod's namespaces open: a static
// ELF file of a few hundred bytes without a libc, put together here so that it
// needs no C compiler and is the same bytes everywhere. It reaps orphans and
// ends at SIGTERM or SIGINT.
package pause

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

const (
	base       = 0x400000 // where the file is mapped
	headerSize = 64 + 56  // ELF header and one program header
	actionSize = 32       // struct sigaction of the kernel: handler, flags, restorer, mask
	restorer   = 0x04000000
	ignore     = 1 // SIG_IGN
	sigint     = 2
	sigterm    = 15
	sigchld    = 17
)

// The code is one block; ends and the data that follows it are found by size.
var (
	loop = []byte{
		0xb8, 34, 0, 0, 0, // mov eax, 34 (pause)
		0x0f, 0x05, //        syscall
		0xeb, 0xf7, //        jmp to the mov
	}
	end = []byte{
		0xb8, 60, 0, 0, 0, // mov eax, 60 (exit)
		0x31, 0xff, //        xor edi, edi
		0x0f, 0x05, //        syscall
	}
)

// AMD64 is the program for x86-64 Linux.
func AMD64() []byte {
	const setup = 3 * 26 // bytes of three calls of sigaction
	ending := uint64(base + headerSize + setup + len(loop))
	actions := uint32(ending) + uint32(len(end))
	code := bytes.Join([][]byte{
		sigaction(sigchld, actions), // ignored children need no reaping
		sigaction(sigterm, actions+actionSize),
		sigaction(sigint, actions+actionSize),
		loop,
		end,
		action(ignore, 0),
		action(ending, ending),
	}, nil)
	return append(header(len(code)), code...)
}

// sigaction is the code of rt_sigaction(signal, act, NULL, 8).
func sigaction(signal byte, act uint32) []byte {
	address := binary.LittleEndian.AppendUint32(nil, act)
	return bytes.Join([][]byte{
		{0xb8, 13, 0, 0, 0},     // mov eax, 13 (rt_sigaction)
		{0xbf, signal, 0, 0, 0}, // mov edi, signal
		{0xbe}, address,         // mov esi, act
		{0x31, 0xd2},             // xor edx, edx
		{0x41, 0xba, 8, 0, 0, 0}, // mov r10d, 8
		{0x0f, 0x05},             // syscall
		{0x90},                   // nop
	}, nil)
}

func action(handler, restore uint64) []byte {
	var out []byte
	for _, word := range []uint64{handler, restorer, restore, 0} {
		out = binary.LittleEndian.AppendUint64(out, word)
	}
	return out
}

func header(code int) []byte {
	size := uint64(headerSize + code)
	var out bytes.Buffer
	ident := [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}
	for _, part := range []any{
		elf.Header64{Ident: ident, Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
			Entry: base + headerSize, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1},
		elf.Prog64{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Align: 0x1000},
	} {
		binary.Write(&out, binary.LittleEndian, part) // into memory: cannot fail
	}
	return out.Bytes()
}

"""ICC profiles written by hand (ICC.1:2001-04): by primaries and a gamma, of grey, and of inks."""

import struct

# The primaries of sRGB, adapted to D50.
RED, GREEN, BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
_WHITE = (0.9642, 1.0, 0.8249)


def _xyz(values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _gamma(value):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(value * 256)) + bytes(2)


def _profile(space, connection, kind, tags):
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"mine\0" + bytes(78 + 1),
        b"cprt": b"text" + bytes(4) + b"none\0" + bytes(3),
        b"wtpt": _xyz(_WHITE),
        **tags,
    }
    place = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", place + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", place + len(data), b"none", 0x02400000, kind, space, connection)
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _xyz(_WHITE)[8:] + bytes(48)
    return header + table + data


def of_primaries(red, green, blue, gamma):
    curve = _gamma(gamma)
    return _profile(
        b"RGB ",
        b"XYZ ",
        b"mntr",
        {
            b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue),
            b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
        },
    )  # fmt: skip


def of_grey(gamma):
    return _profile(b"GRAY", b"XYZ ", b"mntr", {b"kTRC": _gamma(gamma)})


def of_inks(lab_of):
    """A profile of inks from the colour of each full mixture.

    Args:
        lab_of: Returns L, a and b of cyan, magenta, yellow and black, each 0 or 1.
    """
    ramp = bytes(range(256))
    grid = b""
    for mixture in range(16):
        lightness, green_red, blue_yellow = lab_of(*(mixture >> bit & 1 for bit in (3, 2, 1, 0)))
        grid += bytes((round(lightness * 2.55), round(green_red) + 128, round(blue_yellow) + 128))
    unit = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + bytes(4) + struct.pack(">4B", 4, 3, 2, 0) + unit + ramp * 4 + grid + ramp * 3
    return _profile(b"CMYK", b"Lab ", b"prtr", {b"A2B0": table, b"A2B1": table})

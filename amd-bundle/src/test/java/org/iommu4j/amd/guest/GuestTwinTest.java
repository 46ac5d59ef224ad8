package org.iommu4j.amd.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.iommu4j.amd.AmdViBackend;
import org.iommu4j.amd.Machine;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateInterruptTable;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.PrefetchIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.Gcr3Entry;
import org.iommu4j.amd.table.GuestPte;
import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.amd.table.TableLevel;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.Hardware;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A guest's software drives a bare chip and, with the same writes and commands, a virtual unit in front of the driver and another
 * chip. Whatever its device table and tables have become and were announced as the document has it, devices reach the same
 * addresses in both; and the command buffers stop at the same commands.
 */
final class GuestTwinTest {
    private static final int NONE = DmaAccess.NO_PASID;
    private static final int[] DEVICES = {0x8, 0x310, 0x311};
    private static final int[] PASIDS = {NONE, 0, 0x45, 0x145};
    private static final long DEVICE_TABLE = 0x20_0000L;
    private static final long COMMANDS = 0x9_0000L;
    private static final long EVENTS = 0x8_0000L;
    private static final long[] HOST_ROOTS = {0x40_0000L, 0x48_0000L};
    private static final long[] GUEST_ROOTS = {0x50_0000L, 0x58_0000L};
    private static final long[] GCR3_ROOTS = {0x60_0000L, 0x60_1000L};
    private static final long[] ADDRESSES = {0x1000, 0x2000, 0x20_0000, 0x7000_0000L};
    private static final int DOMAINS = 3;
    private static final int ROUNDS = 25;
    private static final int COMMANDS_OF_ANY_KIND = 600;
    private static final long STORE = 0x7000;

    /** How many guests; more of them for a long run. */
    private static final int SEEDS = Integer.getInteger("iommu4j.guests", 8);

    private final Random random = new Random();
    private final Map<Integer, Integer> domainOf = new HashMap<>();
    private final Set<Integer> open = new HashSet<>();
    private final List<String> log = new ArrayList<>();

    /** The page that was taken last for the tables of a root. */
    private final Map<Long, Long> pages = new HashMap<>();

    private SimulatedPlatform bareMemory;
    private Hardware bare;
    private Machine machine;
    private AmdViGuestDecoder unit;

    /** What a virtual unit asks for comes to domains of the driver, as the core does it. */
    private final GuestRequests host = new GuestRequests() {
        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            Completion last = new Completion().begin();
            if (guestDomain >= 0) {
                last = machine.submit(number(guestDomain), bytes);
                log.add(guestDomain + ": " + last);
                return last;
            }
            for (int domain : open) {
                last = machine.submit(domain, bytes);
            }
            return last;
        }

        @Override
        public void handled(String why) {
            log.add("handled: " + why);
        }

        @Override
        public void refused(String reason) {
            log.add("refused: " + reason);
        }

        @Override
        public void move(int requester, int guestDomain) {
            Integer before = domainOf.remove(requester);
            if (before != null) {
                machine.detach(before, requester);
            }
            if (guestDomain >= 0) {
                int domain = number(guestDomain);
                if (open.add(domain)) {
                    machine.open(domain);
                }
                machine.attach(domain, requester);
                domainOf.put(requester, domain);
            }
        }

        /** Devices that the guest does not translate are in a domain beyond all domain ids. */
        private int number(int guestDomain) {
            return guestDomain == GuestContext.UNTRANSLATED_DOMAIN ? 0 : guestDomain;
        }
    };

    @ParameterizedTest
    @ValueSource(ints = {AmdViGeneration.V1, AmdViGeneration.V2, AmdViGeneration.V3, AmdViGeneration.NESTED})
    void shouldReachTheSameAddressesThroughAVirtualUnit(int generation) {
        for (int seed = 0; seed < SEEDS; seed++) {
            random.setSeed(seed);
            begin(generation);
            for (int round = 0; round < ROUNDS; round++) {
                change(generation);
                if (random.nextInt(6) == 0) {
                    // Another bundle goes on.
                    machine.swap();
                    unit = AmdViGuestDecoder.restore(
                            unit.save(), machine.platform().guestTables());
                }
                compare("generation " + Integer.toHexString(generation) + " seed " + seed + " round " + round);
            }
        }
    }

    /** Commands of any kind, right and wrong: the virtual unit stops where the bare chip does, and breaks nowhere. */
    @ParameterizedTest
    @ValueSource(ints = {AmdViGeneration.V1, AmdViGeneration.V2, AmdViGeneration.V3, AmdViGeneration.NESTED})
    void shouldStopAtTheSameCommands(int generation) {
        random.setSeed(generation);
        begin(generation);
        long control = unit.readRegister(Control.REGISTER.offset(), Long.BYTES);
        for (int i = 0; i < COMMANDS_OF_ANY_KIND; i++) {
            if (random.nextInt(20) == 0) {
                int device = DEVICES[random.nextInt(DEVICES.length)];
                entry(generation, device);
                unit.deviceAccess(device, host);
            }
            register(Control.REGISTER, control & ~Control.CMD_BUF_EN.mask());
            register(Rings.COMMAND_BUFFER.base(), COMMANDS | Rings.LENGTH.of(8));
            register(Control.REGISTER, control);
            long word0 = anyWord0();
            long word1 = random.nextInt(3) == 0 ? 0 : random.nextLong() >> random.nextInt(Long.SIZE);
            write(COMMANDS, word0);
            write(COMMANDS + Long.BYTES, word1);
            Register tail = Rings.COMMAND_BUFFER.tail();
            bare.writeRegister(tail.offset(), tail.widthBytes(), AmdViCommand.BYTES);

            unit.command(CompletionWait.LAYOUT.encode(word0, word1), host);

            long both = Status.CMD_BUF_RUN.mask();
            assertEquals(
                    bare.readRegister(Status.REGISTER.offset(), Long.BYTES) & both,
                    unit.readRegister(Status.REGISTER.offset(), Long.BYTES) & both,
                    () -> String.format("%x: %016x %016x %s", generation, word0, word1, log.get(log.size() - 1)));
        }
    }

    /** An opcode with operands that name devices, domains and PASIDs of this guest, or anything. */
    private long anyWord0() {
        int opcode = random.nextInt(10);
        long device = DEVICES[random.nextInt(DEVICES.length)];
        long pasid = Math.max(0, PASIDS[random.nextInt(PASIDS.length)]);
        long operands = switch (random.nextInt(4)) {
            case 0 -> random.nextLong() >>> random.nextInt(Long.SIZE);
            case 1 -> pasid | (long) random.nextInt(DOMAINS + 1) << InvalidateIommuPages.DOMAIN_ID.shift();
            case 2 -> device | pasid << PrefetchIommuPages.PASID.shift();
            default -> device;
        };
        if (opcode == AmdViCommand.OP_COMPLETION_WAIT) {
            operands = STORE | (random.nextInt(8) == 0 ? random.nextLong() & ~CompletionWait.STORE_ADDRESS.mask() : 1);
        }
        return CompletionWait.OPCODE.of(opcode) | (operands & ~CompletionWait.OPCODE.mask());
    }

    private void begin(int generation) {
        bareMemory =
                new SimulatedPlatform(new PlatformConfig(48, List.of(), (address, data) -> {}, DevicePort.COMPLETING));
        bare = new AmdViBackend()
                .createHardware(
                        new HardwareConfig(generation, Map.of(), Map.of(), CacheConfig.NONE, Map.of()), bareMemory);
        machine = Machine.of(new HardwareConfig(generation, Map.of(), Map.of(), CacheConfig.WORST_CASE, Map.of()));
        unit = new AmdViGuestDecoder(
                HardwareConfig.of(generation), machine.platform().guestTables());
        domainOf.clear();
        open.clear();
        log.clear();
        pages.clear();
        for (int i = 0; i < HOST_ROOTS.length; i++) {
            for (long address : ADDRESSES) {
                mapHost(HOST_ROOTS[i], address, address + 0x1_0000_0000L * (i + 1));
            }
            for (long at = 0; at < 0x80_0000L; at += 0x20_0000L) {
                // The guest's own tables, to themselves, where they are below a host table.
                mapHostLarge(HOST_ROOTS[i], at + 0x100_0000L, at);
            }
            for (long address : ADDRESSES) {
                mapGuest(GUEST_ROOTS[i], address, address + 0x4_0000_0000L * (i + 1));
            }
            write(GCR3_ROOTS[i] + 0x45 * 8, GUEST_ROOTS[i] | Gcr3Entry.V.mask());
            write(GCR3_ROOTS[i], GUEST_ROOTS[1 - i] | Gcr3Entry.V.mask());
        }
        register(DevTabBase.REGISTER, DEVICE_TABLE | 0x7);
        register(Rings.EVENT_LOG.base(), EVENTS | Rings.LENGTH.of(8));
        register(Rings.COMMAND_BUFFER.base(), COMMANDS | Rings.LENGTH.of(8));
        long control = Control.CMD_BUF_EN.mask()
                | (generation == AmdViGeneration.V1 ? 0 : Control.GT_EN.mask())
                | (generation == AmdViGeneration.NESTED ? Control.GCR3_TRP_MODE.mask() : 0);
        register(Control.REGISTER, control);
        register(Control.REGISTER, control | Control.IOMMU_EN.mask());
    }

    private void write(long pa, long value) {
        bareMemory.memory().writeLongLe(pa, value);
        machine.memory().writeLongLe(pa, value);
    }

    private long read(long pa) {
        return machine.memory().readLongLe(pa);
    }

    private void register(Register register, long value) {
        bare.writeRegister(register.offset(), register.widthBytes(), value);
        unit.writeRegister(register.offset(), register.widthBytes(), value, host);
    }

    private void mapHost(long root, long address, long pa) {
        long at = TableLevel.index(address, 1) * 8L + hostTable(root, address, 1);
        write(at, HostPte.PR.mask() | HostPte.IR.mask() | HostPte.IW.mask() | pa);
    }

    private void mapHostLarge(long root, long address, long pa) {
        long at = TableLevel.index(address, 2) * 8L + hostTable(root, address, 2);
        write(at, HostPte.PR.mask() | HostPte.IR.mask() | HostPte.IW.mask() | pa);
    }

    private long hostTable(long root, long address, int down) {
        long table = root;
        for (int level = 4; level > down; level--) {
            long at = table + TableLevel.index(address, level) * 8L;
            if (read(at) == 0) {
                write(
                        at,
                        HostPde.PR.mask()
                                | HostPde.IR.mask()
                                | HostPde.IW.mask()
                                | HostPde.NEXT_LEVEL.of(level - 1)
                                | nextPage(root));
            }
            table = HostPde.ADDRESS.get(read(at));
        }
        return table;
    }

    private void mapGuest(long root, long address, long pa) {
        long table = root;
        long all = GuestPte.P.mask() | GuestPte.RW.mask() | GuestPte.US.mask() | GuestPte.A.mask() | GuestPte.D.mask();
        for (int level = 4; level > 1; level--) {
            long at = table + TableLevel.index(address, level) * 8L;
            if (read(at) == 0) {
                write(at, nextPage(root) | all);
            }
            table = GuestPte.ADDRESS.get(read(at));
        }
        write(table + TableLevel.index(address, 1) * 8L, pa | all);
    }

    private long nextPage(long root) {
        return pages.merge(root, root + 0x1000, (before, first) -> before + 0x1000);
    }

    /** A device table entry, a table entry or a GCR3 entry becomes another one, with all that is owed for it. */
    private void change(int generation) {
        int kind = random.nextInt(generation == AmdViGeneration.V1 ? 2 : 4);
        if (kind == 0) {
            int device = DEVICES[random.nextInt(DEVICES.length)];
            entry(generation, device);
            command(InvalidateDevtabEntry.word0(device), 0);
            dropAll(generation);
        } else if (kind == 1) {
            int which = random.nextInt(2);
            long address = ADDRESSES[random.nextInt(ADDRESSES.length)];
            mapHost(HOST_ROOTS[which], address, random.nextInt(1 << 20) * 0x1000L);
            dropAddress(NONE, address);
            dropNested(generation);
        } else if (kind == 2) {
            long address = ADDRESSES[random.nextInt(ADDRESSES.length)];
            mapGuest(GUEST_ROOTS[random.nextInt(2)], address, random.nextInt(1 << 20) * 0x1000L);
            dropAddress(0, address);
            dropAddress(0x45, address);
            dropAddress(0x145, address);
        } else {
            long gcr3 = GCR3_ROOTS[random.nextInt(2)];
            int pasid = random.nextBoolean() ? 0x45 : 0x145;
            write(gcr3 + pasid * 8L, random.nextInt(4) == 0 ? 0 : GUEST_ROOTS[random.nextInt(2)] | 1);
            for (int domain = 1; domain <= DOMAINS; domain++) {
                pages(domain, pasid, 0, SizeEncoding.ALL);
            }
            for (int device : DEVICES) {
                deviceTlb(device, pasid, 0, SizeEncoding.ALL);
            }
        }
        if (random.nextInt(3) == 0) {
            command(
                    InvalidateInterruptTable.OPCODE.of(AmdViCommand.OP_INTERRUPT_TABLE)
                            | InvalidateInterruptTable.DEVICE_ID.of(DEVICES[0]),
                    0);
        }
        command(CompletionWait.storing(STORE), random.nextLong());
    }

    private void entry(int generation, int device) {
        long word0 = DeviceTableEntry.V.mask();
        long word1 = 0;
        int kind = random.nextInt(8);
        if (kind == 0) {
            word0 = random.nextBoolean() ? 0 : word0;
        } else if (kind == 1) {
            word0 |= DeviceTableEntry.TV.mask();
        } else {
            // AMD-D.34: entries of one domain name the same tables.
            int domain = 1 + random.nextInt(DOMAINS);
            boolean guest = generation != AmdViGeneration.V1 && domain != 1;
            boolean table = !guest || domain == 3;
            boolean giov = guest && generation != AmdViGeneration.V2 && domain == 3;
            long gcr3 = GCR3_ROOTS[domain % 2] + (generation == AmdViGeneration.NESTED && table ? 0x100_0000L : 0);
            word0 |= DeviceTableEntry.TV.mask()
                    | DeviceTableEntry.IR.mask()
                    | DeviceTableEntry.IW.mask()
                    | (table ? HOST_ROOTS[domain % 2] | DeviceTableEntry.MODE.of(4) : 0)
                    | (guest ? DeviceTableEntry.GV.mask() | DeviceTableEntry.gcr3Word0(gcr3) : 0)
                    | (giov ? DeviceTableEntry.GIOV.mask() : 0);
            word1 = DeviceTableEntry.DOMAIN_ID.of(domain)
                    | (guest ? DeviceTableEntry.gcr3Word1(gcr3) : 0)
                    | (random.nextBoolean() ? DeviceTableEntry.I.mask() : 0);
        }
        long at = DEVICE_TABLE + device * (long) DeviceTableEntry.BYTES;
        write(at, word0);
        write(at + 8, word1);
    }

    private void dropAll(int generation) {
        if (generation != AmdViGeneration.V1 && random.nextInt(3) == 0) {
            command(InvalidateIommuAll.word0(), 0);
        }
        for (int domain = 1; domain <= DOMAINS; domain++) {
            pages(domain, NONE, 0, SizeEncoding.ALL);
        }
        dropNested(generation);
        for (int device : DEVICES) {
            deviceTlb(device, NONE, 0, SizeEncoding.ALL);
        }
    }

    private void dropNested(int generation) {
        if (generation == AmdViGeneration.V1) {
            return;
        }
        for (int pasid : new int[] {0, 0x45, 0x145}) {
            for (int domain = 1; domain <= DOMAINS; domain++) {
                pages(domain, pasid, 0, SizeEncoding.ALL);
            }
            for (int device : DEVICES) {
                deviceTlb(device, pasid, 0, SizeEncoding.ALL);
            }
        }
    }

    private void dropAddress(int pasid, long address) {
        int shift = 12 + random.nextInt(12);
        for (int domain = 1; domain <= DOMAINS; domain++) {
            pages(domain, pasid, address & -1L << shift, shift);
        }
        for (int device : DEVICES) {
            deviceTlb(device, pasid, address & -1L << shift, shift);
        }
    }

    private void pages(int domain, int pasid, long base, int shift) {
        command(InvalidateIommuPages.word0(domain, pasid), InvalidateIommuPages.word1(pasid, base, shift, true));
    }

    private void deviceTlb(int device, int pasid, long base, int shift) {
        command(InvalidateIotlbPages.word0(device, 0, 0, pasid), InvalidateIotlbPages.word1(pasid, base, shift, 0));
    }

    private void command(long word0, long word1) {
        byte[] bytes = CompletionWait.LAYOUT.encode(word0, word1);
        unit.command(bytes, host);
        assertTrue(
                Status.CMD_BUF_RUN.isSet(unit.readRegister(Status.REGISTER.offset(), 8)),
                () -> String.format("%016x %016x stopped the buffer: %s", word0, word1, log.get(log.size() - 1)));
    }

    private void compare(String when) {
        for (int device : DEVICES) {
            // What a guest does not translate is a pass-through of the host, which has no PASIDs.
            boolean translated = DeviceTableEntry.V.isSet(read(DEVICE_TABLE + device * (long) DeviceTableEntry.BYTES));
            for (int pasid : translated ? PASIDS : new int[] {NONE}) {
                for (long address : ADDRESSES) {
                    DmaAccess expected = new DmaAccess()
                            .begin(device, address, DmaAccess.READ)
                            .withPasid(pasid);
                    bare.translate(expected);
                    unit.deviceAccess(device, host);
                    DmaAccess got = new DmaAccess()
                            .begin(device, address, DmaAccess.READ)
                            .withPasid(pasid);
                    machine.chip().translate(got);
                    String what = when + " device " + Integer.toHexString(device) + " pasid " + pasid + " address "
                            + Long.toHexString(address);
                    assertEquals(
                            text(expected),
                            text(got),
                            () -> what + " " + log.subList(Math.max(0, log.size() - 6), log.size()));
                }
            }
        }
    }

    private static String text(DmaAccess access) {
        return access.outcome() == DmaAccess.Outcome.TRANSLATED ? Long.toHexString(access.spa()) : "blocked";
    }
}

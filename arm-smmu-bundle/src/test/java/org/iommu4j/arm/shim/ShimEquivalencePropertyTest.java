package org.iommu4j.arm.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.SmmuBackend;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.Granule;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuSettings;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.testing.MovedPages;
import org.iommu4j.testing.Property;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The law behind shims: a guest's commands, a shim and a newer or older chip leave the same translations cached as the commands on a
 * chip of the guest's own generation, or fewer and say so; and they refuse the same requests. Writes to the registers of an SMMUv2,
 * of which there is no chip, are compared with the commands that docs/spec/arm-smmu.md 1.5 names.
 */
final class ShimEquivalencePropertyTest {
    private static final int ROUNDS = 80;
    private static final int DOMAIN = 1;
    private static final int OTHER_DOMAIN = 2;
    private static final int STREAM = 0x10;
    private static final int STRANGER = 0x20;
    private static final int PAGES = 24;
    private static final long LEAF = 0x40_0000_0000_0443L | 1L << 11;
    private static final long GLOBAL_LEAF = LEAF & ~(1L << 11);
    private static final long OLD = 0x300_0000L;
    private static final long NEW = 0x380_0000L;
    private static final long IOVA = 0x5000_0000L;
    private static final int ASID = 7;
    private static final int OTHER_ASID = 8;

    static List<Shim> commandShims() {
        return SmmuForms.shims().stream()
                .filter(shim -> shim.from() != SmmuGeneration.V2)
                .toList();
    }

    static List<Shim> registerShims() {
        return SmmuForms.shims().stream()
                .filter(shim -> shim.from() == SmmuGeneration.V2)
                .toList();
    }

    /** A chip with two guests, one of which has two address spaces; the pages of all can be moved and looked at. */
    static final class Scene implements MovedPages.Pages {
        private final Machine machine;
        private final int pasids;
        private final List<DmaAccess> accesses = new ArrayList<>();
        private final long[] entries;

        /** A chip with ranges, if its generation can have them. */
        Scene(int subVersion, boolean substreams) {
            boolean ranges = subVersion > SmmuGeneration.V3_0;
            pasids = substreams ? 2 : 1;
            machine = Machine.of(new HardwareConfig(
                    subVersion,
                    Map.of(SmmuSettings.GROUP, Map.of("RIL", ranges && subVersion != SmmuGeneration.V3_1 ? 1L : 0L)),
                    Map.of(),
                    CacheConfig.WORST_CASE,
                    Map.of()));
            machine.translator().tap(null);
            entries = new long[2 * pasids * PAGES];
            for (int page = 0; page < entries.length; page++) {
                accesses.add(new DmaAccess());
                entries[page] = machine.map(root(page), iova(page), 0, root(page) + 0x1_0000L);
            }
            move(false);
            open(DOMAIN, STREAM, 0x20_0000L);
            open(OTHER_DOMAIN, STRANGER, 0x21_0000L);
        }

        private int stream(int page) {
            return page < entries.length / 2 ? STREAM : STRANGER;
        }

        private int pasid(int page) {
            return page / PAGES % pasids;
        }

        private long root(int page) {
            return root(stream(page), pasid(page));
        }

        private static long iova(int page) {
            return IOVA + page % PAGES * 0x1000L;
        }

        private static long place(int page, boolean second) {
            return (second ? NEW : OLD) + page % PAGES * 0x1000L;
        }

        private static long root(int stream, int pasid) {
            return 0x100_0000L + (stream << 20) + (pasid << 18);
        }

        private void open(int domain, int stream, long contexts) {
            machine.open(domain);
            machine.attach(domain, stream);
            for (int pasid = 0; pasid < pasids; pasid++) {
                long asid = pasid == 0 ? ASID : OTHER_ASID;
                machine.store(
                        contexts + pasid * 64L,
                        asid << 48 | 1L << 46 | 1L << 45 | 1L << 41 | 5L << 32 | 1L << 31 | 1L << 30 | 16,
                        root(stream, pasid),
                        0,
                        0xff);
            }
            byte[] payload = Machine.contexts(stream, contexts, pasids - 1, pasids == 1 ? 0 : 2);
            Completion completion = new Completion();
            BindRequest request = new BindRequest();
            request.set(Uapi.BIND_PASIDTBL, machine.config().subVersion(), 0, payload, 0, payload.length);
            machine.translator().bind(domain, request, completion);
            assertEquals(Errno.OK, completion.errno(), completion::toString);
        }

        @Override
        public int count() {
            return entries.length;
        }

        @Override
        public void move(boolean toSecondPlace) {
            for (int page = 0; page < entries.length; page++) {
                machine.store(entries[page], place(page, toSecondPlace) | (page % 4 == 3 ? GLOBAL_LEAF : LEAF));
            }
        }

        @Override
        public void forget() {
            machine.invalidate(DOMAIN, 0, 0, 0, 0);
            machine.invalidate(OTHER_DOMAIN, 0, 0, 0, 0);
        }

        @Override
        public boolean leads(int page, boolean toSecondPlace) {
            DmaAccess access = accesses.get(page)
                    .begin(stream(page), iova(page), DmaAccess.READ)
                    .withPasid(pasid(page) == 0 ? DmaAccess.NO_PASID : pasid(page));
            machine.chip().translate(access);
            return access.outcome() == DmaAccess.Outcome.TRANSLATED && access.spa() == place(page, toSecondPlace);
        }

        @Override
        public void carryOut(InvalidateRequest request, Completion completion) {
            if (machine.translator().invalidate(DOMAIN, request, completion) == 0) {
                machine.translator().finish(completion);
            }
        }
    }

    private static final List<SmmuCommand> COMMANDS = List.of(
            SmmuCommand.TLBI_NH_VA,
            SmmuCommand.TLBI_NH_VA,
            SmmuCommand.TLBI_NH_VA,
            SmmuCommand.TLBI_NH_VAA,
            SmmuCommand.TLBI_NH_VAA,
            SmmuCommand.TLBI_NH_ASID,
            SmmuCommand.TLBI_NH_ALL,
            SmmuCommand.TLBI_NSNH_ALL,
            SmmuCommand.CFGI_CD,
            SmmuCommand.CFGI_CD_ALL,
            SmmuCommand.TLBI_S2_IPA,
            SmmuCommand.SYNC);

    /** The two words of a command, now and then with a wrong bit. */
    private static long[] command(int subVersion, SplittableRandom random) {
        SmmuCommand command = COMMANDS.get(random.nextInt(COMMANDS.size()));
        long word0 = command.word();
        long word1 = 0;
        if (command == SmmuCommand.TLBI_NH_VA || command == SmmuCommand.TLBI_NH_ASID) {
            word0 |= CommandFields.ASID.of(random.nextBoolean() ? ASID : OTHER_ASID);
        }
        if (command == SmmuCommand.CFGI_CD || command == SmmuCommand.CFGI_CD_ALL) {
            word0 |= CommandFields.SID.of(random.nextInt(8) == 0 ? STRANGER : STREAM);
        }
        if (command.takesRange()) {
            word1 |= CommandFields.ADDRESS.of(IOVA + random.nextInt(PAGES) * 0x1000L);
            word1 |= random.nextBoolean() ? CommandFields.LEAF.mask() : 0;
            if (subVersion > SmmuGeneration.V3_0 && random.nextInt(3) != 0) {
                Granule granule = random.nextInt(4) == 0 ? Granule.K16 : Granule.K4;
                boolean large = random.nextInt(6) == 0;
                word0 |= CommandFields.NUM.of(random.nextInt(random.nextInt(4) == 0 ? 32 : 4));
                word0 |= CommandFields.SCALE.of(random.nextInt(large ? 32 : 3));
                word1 |= CommandFields.TG.of(granule.rangeCode()) | CommandFields.TTL.of(random.nextInt(4));
                if (subVersion == SmmuGeneration.V3_4 && large) {
                    word0 |= CommandFields.SCALE_HIGH.mask();
                }
            }
        }
        if (random.nextInt(10) == 0) {
            word0 ^= 1L << (Byte.SIZE + random.nextInt(Integer.SIZE - Byte.SIZE));
        } else if (random.nextInt(10) == 0) {
            word1 ^= 1L << random.nextInt(12);
        }
        return new long[] {word0, word1};
    }

    private static byte[] bytes(List<long[]> pairs) {
        ByteBuffer payload = ByteBuffer.allocate(pairs.size() * 16).order(ByteOrder.LITTLE_ENDIAN);
        for (long[] pair : pairs) {
            payload.putLong(pair[0]).putLong(pair[1]);
        }
        return payload.array();
    }

    private static InvalidateRequest request(int subVersion, byte[] payload, SplittableRandom random) {
        InvalidateRequest request = new InvalidateRequest();
        return random.nextInt(3) == 0
                ? request.set(
                        Uapi.SCOPE_VADDR,
                        Uapi.FLAGS_NO_PASID,
                        0,
                        IOVA,
                        PAGES * 0x1000L,
                        subVersion,
                        payload,
                        0,
                        payload.length)
                : request.set(0, 0, 0, 0, 0, subVersion, payload, 0, payload.length);
    }

    @ParameterizedTest
    @MethodSource("commandShims")
    void shouldLeaveTheSameCachedAsAChipOfTheGuestsGeneration(Shim shim) {
        boolean substreams = shim.from() > SmmuGeneration.V3_0 && shim.to() > SmmuGeneration.V3_0;
        // A guest of 0x0301 may have ranges, which the default chip has not.
        MovedPages own = new MovedPages(
                new Scene(shim.from() == SmmuGeneration.V3_1 ? SmmuGeneration.V3_2 : shim.from(), substreams));
        MovedPages other = new MovedPages(new Scene(shim.to(), substreams));
        int[] counts = new int[3];
        Property.check(ROUNDS, random -> {
            List<long[]> commands = new ArrayList<>();
            int number = 1 + random.nextInt(3) / 2;
            for (int i = 0; i < number; i++) {
                commands.add(command(shim.from(), random));
            }
            byte[] payload = bytes(commands);
            long seed = random.nextLong();
            InvalidateRequest plain = request(shim.from(), payload, new SplittableRandom(seed));
            InvalidateRequest rewritten = request(shim.from(), payload, new SplittableRandom(seed));
            Completion without = new Completion();
            BitSet left = own.leftAfter(plain, without);
            Completion with = new Completion().begin();
            if (shim.rewrite(rewritten, with) != 0) {
                counts[0]++;
                assertNotEquals(Errno.OK, without.errno(), with::toString);
                // The driver looks at one command after the other, in all respects.
                assertTrue(number > 1 || without.rule() == with.rule(), () -> without + " but " + with);
                return;
            }
            assertEquals(shim.to(), rewritten.subVersion());
            BitSet leftByOther = other.leftAfter(rewritten, with);
            assertTrue(ShimLaws.isPart(leftByOther, left), () -> left + " but " + leftByOther);
            if (with.fidelity() == Fidelity.WIDENED) {
                counts[1]++;
                assertEquals(Fidelity.WIDENED, shim.fidelity());
                return;
            }
            assertEquals(without.errno() + " " + without.rule(), with.errno() + " " + with.rule());
            if (without.errno() == Errno.OK) {
                counts[2]++;
                if (keepsHints(shim, plain)) {
                    assertEquals(left, leftByOther);
                }
            }
        });
        assertTrue(counts[0] > 0 && counts[2] > ROUNDS / 3, () -> counts[0] + " refused, " + counts[2] + " alike");
        assertTrue(counts[1] > 0 || shim.fidelity() == Fidelity.EXACT, () -> counts[1] + " widened");
    }

    /** A request of one or two commands, or of none. */
    static InvalidateRequest request(int subVersion, SplittableRandom random) {
        if (random.nextInt(12) == 0) {
            return request(subVersion, new byte[0], random);
        }
        List<long[]> commands = new ArrayList<>(List.of(command(subVersion, random)));
        if (random.nextInt(3) == 0) {
            commands.add(command(subVersion, random));
        }
        return request(subVersion, bytes(commands), random);
    }

    /** As {@link #request}, with commands for devices and answers to them; writes to registers of an SMMUv2. */
    static InvalidateRequest requestOfAny(int subVersion, SplittableRandom random) {
        if (subVersion == SmmuGeneration.V2) {
            Write write = Write.of(random);
            return request(subVersion, bytes(List.of(new long[] {write.place(), write.value()})), random);
        }
        if (random.nextInt(3) != 0) {
            return request(subVersion, random);
        }
        boolean answer = random.nextInt(4) == 0;
        long word0 = (answer ? SmmuCommand.RESUME : SmmuCommand.ATC_INV).word()
                | CommandFields.SID.of(STREAM)
                | (answer ? 0 : CommandFields.SSID.of(random.nextInt(4)))
                | (random.nextBoolean() && !answer ? CommandFields.SSV.mask() : 0)
                | (random.nextBoolean() && !answer ? CommandFields.GLOBAL.mask() : 0);
        long word1 = answer
                ? random.nextInt(1 << 16)
                : CommandFields.SIZE.of(random.nextInt(CommandFields.SIZE_ALL + 2))
                        | CommandFields.ADDRESS.of(random.nextLong() & CommandFields.ADDRESS.mask());
        return request(subVersion, bytes(List.of(new long[] {word0, word1})), random);
    }

    /** S3, S24, S25: without a hint of granule and level entries of others go, too. */
    static boolean keepsHints(Shim shim, InvalidateRequest request) {
        boolean ranges = shim.from() > SmmuGeneration.V3_0 && shim.to() < SmmuGeneration.V3_2;
        boolean drops = ranges || shim.from() == SmmuGeneration.V3_4 || shim.to() == SmmuGeneration.V3_4;
        return !drops || !hasHints(request);
    }

    private static boolean hasHints(InvalidateRequest request) {
        for (int at = 0; at < request.payloadLength(); at += CommandFields.COMMAND_BYTES) {
            long word1 = (long) CommandForm.WORD.get(request.payload(), request.payloadOffset() + at + Long.BYTES);
            if (CommandFields.TG.get(word1) != 0) {
                return true;
            }
        }
        return false;
    }

    /** A write to a register of an SMMUv2, and the command of an SMMUv3 that removes the same; null where it only waits. */
    private record Write(long place, long value, long[] command) {
        static Write of(SplittableRandom random) {
            long va = IOVA + random.nextInt(PAGES) * 0x1000L;
            long asid = random.nextBoolean() ? ASID : OTHER_ASID;
            long leaf = random.nextInt(2);
            long vaAndAsid = va >>> 12 | asid << 48;
            return switch (random.nextInt(9)) {
                case 0, 1 -> new Write(leaf == 0 ? 0x600 : 0x620, vaAndAsid, new long[] {0x12 | asid << 48, va | leaf});
                case 2, 3 -> new Write(leaf == 0 ? 0x608 : 0x628, va >>> 12, new long[] {0x13, va | leaf});
                case 4 -> new Write(0x610, asid, new long[] {0x11 | asid << 48, 0});
                case 5 -> new Write(0x618, random.nextLong(), new long[] {0x10, 0});
                case 6 -> new Write(0x8000_00b8L, random.nextInt(1 << 16), new long[] {0x10, 0});
                case 7 -> new Write(0x8000_0068L, random.nextLong(), new long[] {0x30, 0});
                default -> new Write(leaf == 0 ? 0x7f0 : 0x8000_0070L, -1, null);
            };
        }
    }

    @ParameterizedTest
    @MethodSource("registerShims")
    void shouldRemoveWithAnSmmuv2sRegistersWhatTheirCommandsRemove(Shim shim) {
        MovedPages own = new MovedPages(new Scene(SmmuGeneration.V3_0, false));
        MovedPages other = new MovedPages(new Scene(shim.to(), false));
        int[] alike = new int[1];
        Property.check(ROUNDS, random -> {
            List<Write> writes = new ArrayList<>();
            int number = 1 + random.nextInt(4);
            for (int i = 0; i < number; i++) {
                writes.add(Write.of(random));
            }
            List<long[]> commands = writes.stream()
                    .map(Write::command)
                    .filter(command -> command != null)
                    .toList();
            byte[] payload = bytes(writes.stream()
                    .map(write -> new long[] {write.place(), write.value()})
                    .toList());
            long seed = random.nextLong();
            InvalidateRequest rewritten = request(SmmuGeneration.V2, payload, new SplittableRandom(seed));
            Completion with = new Completion().begin();
            int code = shim.rewrite(rewritten, with);
            if (commands.isEmpty()) {
                assertEquals(-Errno.EINVAL.number(), code);
                return;
            }
            assertEquals(0, code, with::toString);
            Completion without = new Completion();
            BitSet left =
                    own.leftAfter(request(SmmuGeneration.V3_0, bytes(commands), new SplittableRandom(seed)), without);
            BitSet leftByOther = other.leftAfter(rewritten, with);
            assertEquals(without.errno() + " " + without.rule(), with.errno() + " " + with.rule());
            assertEquals(left, leftByOther);
            alike[0] += with.errno() == Errno.OK ? 1 : 0;
            assertEquals(Fidelity.EXACT, shim.fidelity());
        });
        assertTrue(alike[0] > ROUNDS / 3, () -> alike[0] + " alike");
    }

    @ParameterizedTest
    @MethodSource("commandShims")
    void shouldBeAmongTheShimsOfTheBackend(Shim shim) {
        assertEquals(
                1,
                new SmmuBackend()
                        .shims().stream()
                                .filter(other -> other.from() == shim.from() && other.to() == shim.to())
                                .count());
    }
}

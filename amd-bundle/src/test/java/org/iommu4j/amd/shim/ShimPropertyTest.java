package org.iommu4j.amd.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.GuestCommands;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.layout.BitField;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

/** Every command of a guest between every pair of generations: the same bits, less what the host's generation lacks. */
final class ShimPropertyTest {
    private static final int ROUNDS = 20_000;
    private static final Map<Integer, Integer> AGE = Map.of(
            AmdViGeneration.V1, 0,
            AmdViGeneration.V2, 1,
            AmdViGeneration.V3, 2,
            AmdViGeneration.SNP, 2,
            AmdViGeneration.NESTED, 2);

    /** The bits of a command that a guest of a generation must leave zero, word by word. */
    private static long[] reserved(Layout command, int subVersion) {
        return new long[] {
            command.reservedMask(0, subVersion, capability -> GuestCommands.know(subVersion, capability)),
            command.reservedMask(1, subVersion, capability -> GuestCommands.know(subVersion, capability))
        };
    }

    @Test
    void shouldJoinEveryPairOnce() {
        List<Shim> shims = GuestCommandShim.all();
        assertEquals(20, shims.size());
        assertEquals(20, shims.stream().map(Shim::name).distinct().count());
    }

    @Test
    void shouldRefuseBindsOfGuestTablesWhereThereAreNone() {
        // H2
        for (Shim shim : GuestCommandShim.all()) {
            if (shim.to() == AmdViGeneration.V1) {
                BindRequest bind = new BindRequest()
                        .set(Uapi.BIND_PASIDTBL, shim.from(), 0, new byte[BindPasidTable.LAYOUT.sizeBytes()], 0, 0);
                Completion completion = new Completion().begin();
                assertEquals(Errno.EOPNOTSUPP.code(), shim.rewrite(bind, completion));
                assertEquals(Rule.V24, completion.rule());
                assertEquals("sub_version", completion.field());
            }
        }
    }

    @Test
    void shouldCarryCommandsOverOrRefuseOrWidenThem() {
        Random random = new Random(12);
        List<Shim> shims = GuestCommandShim.all();
        int carried = 0;
        for (int round = 0; round < ROUNDS; round++) {
            Shim shim = shims.get(random.nextInt(shims.size()));
            boolean deviceTlb = random.nextBoolean();
            Layout layout = deviceTlb ? InvalidateIotlbPages.LAYOUT : InvalidateIommuPages.LAYOUT;
            long word0 = random.nextLong() >>> 4 | (deviceTlb ? 4L : 3L) << 60;
            long word1 = random.nextLong();
            if (random.nextInt(8) != 0) {
                long[] reserved = reserved(layout, shim.from());
                word0 &= ~reserved[0];
                word1 &= ~reserved[1];
                if (random.nextInt(4) != 0) {
                    word0 = deviceTlb
                            ? InvalidateIotlbPages.MAXPEND.set(InvalidateIotlbPages.QUEUE_ID.set(word0, 0), 0)
                            : InvalidateIommuPages.DOMAIN_ID.set(word0, 0);
                }
            }
            InvalidateRequest request =
                    new InvalidateRequest().set(0, 0, 0, 0, 0, shim.from(), layout.encode(word0, word1), 0, 16);
            Completion completion = new Completion().begin();

            int code = shim.rewrite(request, completion);

            long[] reserved = reserved(layout, shim.from());
            boolean names = !deviceTlb && InvalidateIommuPages.DOMAIN_ID.isSet(word0);
            boolean hostOwned = deviceTlb
                    ? InvalidateIotlbPages.QUEUE_ID.isSet(word0) || InvalidateIotlbPages.MAXPEND.isSet(word0)
                    : names && shim.from() != AmdViGeneration.NESTED;
            long type = deviceTlb ? InvalidateIotlbPages.TYPE.get(word1) : 0;
            int pasid = deviceTlb ? InvalidateIotlbPages.pasid(word0) : InvalidateIommuPages.PASID.getInt(word0);
            boolean guest = InvalidateIommuPages.GN.isSet(word1);
            Rule rule = (word0 & reserved[0]) != 0 || (word1 & reserved[1]) != 0 || type == 3
                    ? Rule.V34
                    : hostOwned
                            ? Rule.V36
                            : shim.to() != AmdViGeneration.V1 ? null : guest ? Rule.V24 : pasid != 0 ? Rule.V35 : null;
            assertEquals(rule, completion.rule());
            assertEquals(rule == null, code == 0);
            if (rule != null) {
                continue;
            }
            carried++;
            assertEquals(shim.to(), request.subVersion());
            boolean cleared =
                    deviceTlb && (type == 1 || type == 2) && AGE.get(shim.from()) == 2 && AGE.get(shim.to()) < 2;
            long expected = cleared ? InvalidateIotlbPages.TYPE.set(word1, 0) : word1;
            long expected0 = names ? InvalidateIommuPages.DOMAIN_ID.set(word0, 0) : word0;
            assertEquals(expected0, layout.word(request.payload(), request.payloadOffset(), 0));
            assertEquals(expected, layout.word(request.payload(), request.payloadOffset(), 1));
            completion.done(Fidelity.EXACT);
            assertEquals(cleared ? Fidelity.WIDENED : Fidelity.EXACT, completion.fidelity());
            assertTrue(!cleared || shim.fidelity() == Fidelity.WIDENED);
        }
        assertTrue(carried > ROUNDS / 4, "carried " + carried);
    }

    @Test
    void shouldSayThatMoreMayBeDroppedWhereTypesOrDomainsAreLost() {
        // docs/spec/amd-vi.md 1.4: H5 and H17; all other pairs lose nothing.
        for (Shim shim : GuestCommandShim.all()) {
            boolean types = AGE.get(shim.from()) == 2 && AGE.get(shim.to()) < 2;
            boolean domains = shim.from() == AmdViGeneration.NESTED;
            assertEquals(types || domains ? Fidelity.WIDENED : Fidelity.EXACT, shim.fidelity(), shim::name);
        }
    }

    /** What a shim refuses in a device TLB invalidation of two words. */
    private static Completion refusal(int from, int to, long word0, long word1) {
        Shim shim = GuestCommandShim.all().stream()
                .filter(one -> one.from() == from && one.to() == to)
                .findFirst()
                .orElseThrow();
        byte[] payload = InvalidateIotlbPages.LAYOUT.encode(word0, word1);
        Completion completion = new Completion().begin();
        shim.rewrite(new InvalidateRequest().set(0, 0, 0, 0, 0, shim.from(), payload, 0, payload.length), completion);
        return completion;
    }

    @Test
    void shouldNameEachFieldThatIsTheHosts() {
        long word0 = InvalidateIotlbPages.word0(0x10, 0, 0, 0);
        for (BitField field : List.of(InvalidateIotlbPages.QUEUE_ID, InvalidateIotlbPages.MAXPEND)) {
            Completion completion = refusal(AmdViGeneration.V2, AmdViGeneration.V3, field.set(word0, 3), 0);
            assertEquals(Rule.V36, completion.rule());
            assertEquals(field.name(), completion.field());
            assertEquals(3, completion.value());
        }
    }

    @Test
    void shouldShowWhatNamesGuestTablesWhereThereAreNone() {
        Completion guest = refusal(
                AmdViGeneration.V2,
                AmdViGeneration.V1,
                InvalidateIotlbPages.word0(0x10, 0, 0, 5),
                InvalidateIotlbPages.GN.mask());
        assertEquals(Rule.V24, guest.rule());
        assertEquals(1, guest.value());
        Completion completion =
                refusal(AmdViGeneration.V2, AmdViGeneration.V1, InvalidateIotlbPages.word0(0x10, 0, 0, 5), 0);
        assertEquals(Rule.V35, completion.rule());
        assertEquals("GN", completion.field());
        assertEquals(0, completion.value());
    }

    @Test
    void shouldRetagARequestWithoutVendorPart() {
        for (Shim shim : GuestCommandShim.all()) {
            InvalidateRequest request = new InvalidateRequest().set(0, 0, 0, 0, 0, shim.from(), new byte[0], 0, 0);
            assertEquals(0, shim.rewrite(request, new Completion().begin()));
            assertEquals(shim.to(), request.subVersion());
        }
    }
}

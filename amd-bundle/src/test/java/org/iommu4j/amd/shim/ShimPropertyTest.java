package org.iommu4j.amd.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.layout.Layout;
import org.junit.jupiter.api.Test;

/** Every command of a guest between every pair of generations: the same bits, less what the host's generation lacks. */
final class ShimPropertyTest {
    private static final int ROUNDS = 20_000;
    private static final Map<Integer, Integer> AGE =
            Map.of(AmdViGeneration.V1, 0, AmdViGeneration.V2, 1, AmdViGeneration.V3, 2, AmdViGeneration.SNP, 2);

    @Test
    void shouldJoinEveryPairOnce() {
        List<Shim> shims = GuestCommandShim.all();
        assertEquals(12, shims.size());
        assertEquals(12, shims.stream().map(Shim::name).distinct().count());
    }

    @Test
    void shouldCarryCommandsOverOrRefuseOrWidenThem() {
        Random random = new Random(12);
        List<Shim> shims = GuestCommandShim.all();
        for (int round = 0; round < ROUNDS; round++) {
            Shim shim = shims.get(random.nextInt(shims.size()));
            boolean deviceTlb = random.nextBoolean();
            Layout layout = deviceTlb ? InvalidateIotlbPages.LAYOUT : InvalidateIommuPages.LAYOUT;
            long word0 = random.nextLong() >>> 4 | (deviceTlb ? 4L : 3L) << 60;
            long word1 = random.nextLong();
            InvalidateRequest request =
                    new InvalidateRequest().set(0, 0, 0, 0, 0, shim.from(), layout.encode(word0, word1), 0, 16);
            Completion completion = new Completion().begin();

            int code = shim.rewrite(request, completion);

            boolean guest = InvalidateIommuPages.GN.isSet(word1);
            if (guest && shim.to() == AmdViGeneration.V1) {
                assertEquals(Errno.EOPNOTSUPP, completion.errno());
                assertTrue(code < 0);
                continue;
            }
            assertEquals(0, code);
            assertEquals(shim.to(), request.subVersion());
            long type = InvalidateIotlbPages.TYPE.get(word1);
            boolean cleared =
                    deviceTlb && (type == 1 || type == 2) && AGE.get(shim.from()) == 2 && AGE.get(shim.to()) < 2;
            long expected = cleared ? InvalidateIotlbPages.TYPE.set(word1, 0) : word1;
            assertEquals(word0, layout.word(request.payload(), request.payloadOffset(), 0));
            assertEquals(expected, layout.word(request.payload(), request.payloadOffset(), 1));
            completion.done(Fidelity.EXACT);
            assertEquals(cleared ? Fidelity.WIDENED : Fidelity.EXACT, completion.fidelity());
            assertTrue(!cleared || shim.fidelity() == Fidelity.WIDENED);
        }
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

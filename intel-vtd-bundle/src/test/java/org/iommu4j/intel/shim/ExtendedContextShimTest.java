package org.iommu4j.intel.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.command.BindPasid;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.shim.DescriptorShimPropertyTest.Scene;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Guests of extended-context mode on chips in scalable mode, judged on what the chip has cached afterwards. */
class ExtendedContextShimTest {
    private static final int PASID = 0x45;
    private static final long OF_PASID = (long) PASID << 32;

    static List<Shim> toScalable() {
        return ExtendedContextShim.all().stream()
                .filter(shim -> VtdGeneration.isScalable(shim.to()))
                .toList();
    }

    private static Shim toLegacy() {
        return ExtendedContextShim.all().get(0);
    }

    private static InvalidateRequest request(int scope, int flags, int pasid, long vaddr, long size, long... words) {
        ByteBuffer payload = ByteBuffer.allocate(8 * words.length).order(ByteOrder.LITTLE_ENDIAN);
        for (long word : words) {
            payload.putLong(word);
        }
        return new InvalidateRequest()
                .set(
                        scope,
                        flags,
                        pasid,
                        vaddr,
                        size,
                        VtdGeneration.EXTENDED_CONTEXT,
                        payload.array(),
                        0,
                        payload.capacity());
    }

    private static InvalidateRequest ofTheDomain(long low, long high) {
        return request(0, 0, 0, 0, 0, low, high);
    }

    @ParameterizedTest
    @MethodSource("toScalable")
    void shouldDropWhatTheSameDescriptorOfScalableModeDrops(Shim shim) {
        Scene own = new Scene(VtdGeneration.SCALABLE, true);
        Scene other = new Scene(shim.to(), true);
        Property.check(300, random -> {
            long seed = random.nextLong();
            Completion expected = new Completion();
            BitSet expectedLeft = own.leftAfter(
                    DescriptorShimPropertyTest.request(VtdGeneration.SCALABLE, new SplittableRandom(seed)), expected);
            InvalidateRequest request =
                    DescriptorShimPropertyTest.request(VtdGeneration.EXTENDED_CONTEXT, new SplittableRandom(seed));
            Completion completion = new Completion();
            BitSet left = shim.rewrite(request, completion) == 0 ? other.leftAfter(request, completion) : expectedLeft;
            boolean onlyExtended = completion.fidelity() == Fidelity.WIDENED || expected.rule() == Rule.V34;
            if (!onlyExtended) {
                assertEquals(expected.errno(), completion.errno(), () -> expected + " but " + completion);
                assertEquals(expected.rule(), completion.rule(), () -> expected + " but " + completion);
                assertEquals(expectedLeft, left);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("toScalable")
    void shouldDropTheDomainWhereAllPasidsAreNamed(Shim shim) {
        for (int granularity = 0; granularity < 2; granularity++) {
            for (long pasid : new long[] {0, OF_PASID}) {
                Scene scene = new Scene(shim.to(), true);
                scene.fill();
                int all = scene.left().cardinality();
                InvalidateRequest request = ofTheDomain(pasid | (long) granularity << 4 | 6, 0x1234_5000 | 1 << 6 | 3);
                Completion completion = new Completion();
                assertEquals(0, shim.rewrite(request, completion), completion::toString);
                assertEquals(Fidelity.WIDENED, completion.fidelity());
                assertTrue(completion.reason().contains("S7"), completion.reason());
                scene.carryOut(request, completion);
                assertEquals(Errno.OK, completion.errno(), completion::toString);
                assertEquals(all / 2, scene.left().cardinality(), "the other container keeps its entries");
            }
        }
    }

    @ParameterizedTest
    @MethodSource("toScalable")
    void shouldRefuseAllPasidsWhereTheGenericPartNamesLess(Shim shim) {
        Completion completion = new Completion();
        for (InvalidateRequest request : List.of(
                request(0, Uapi.FLAGS_NO_PASID, 0, 0, 0, 0x6, 0),
                request(Uapi.SCOPE_PASID, 0, PASID, 0, 0, OF_PASID | 0x16, 0),
                request(Uapi.SCOPE_VADDR, 0, 0, 0x1000, 0x1000, 0x6, 0x1000))) {
            assertEquals(Errno.EINVAL.code(), shim.rewrite(request, completion), completion::toString);
            assertEquals(Rule.V35, completion.rule());
            assertEquals("G", completion.field());
        }
    }

    @ParameterizedTest
    @MethodSource("toScalable")
    void shouldDropOnePageWithAndWithoutTheBitForGlobalPages(Shim shim) {
        for (long global : new long[] {0, 1L << 7}) {
            Scene scene = new Scene(shim.to(), true);
            scene.fill();
            int all = scene.left().cardinality();
            InvalidateRequest request = request(
                    Uapi.SCOPE_PASID | Uapi.SCOPE_VADDR, 0, PASID, 0x3000, 0x1000, OF_PASID | 0x36, 0x3000 | global);
            Completion completion = new Completion();
            assertEquals(0, shim.rewrite(request, completion), completion::toString);
            scene.carryOut(request, completion);
            assertEquals(Errno.OK, completion.errno(), completion::toString);
            assertEquals(Fidelity.EXACT, completion.fidelity());
            assertEquals(all - 1, scene.left().cardinality());
        }
    }

    @Test
    void shouldRefuseWhatTheModeDoesNotHave() {
        for (Shim shim : ExtendedContextShim.all()) {
            Completion completion = new Completion();
            assertEquals(Errno.EINVAL.code(), shim.rewrite(ofTheDomain(0x222, 0), completion), shim.name());
            assertEquals(Rule.V34, completion.rule());
            assertEquals(Errno.EPERM.code(), shim.rewrite(ofTheDomain(0x9, 0), completion));
            assertEquals(Rule.V36, completion.rule());
            assertEquals(Errno.EPERM.code(), shim.rewrite(ofTheDomain(0xa, 0), completion));
            assertEquals(Errno.EINVAL.code(), shim.rewrite(ofTheDomain(0xc, 0), completion));
            assertEquals(Errno.EINVAL.code(), shim.rewrite(ofTheDomain(0x26, 1L << 8), completion));
            assertEquals(Errno.EINVAL.code(), shim.rewrite(request(0, 0, 0, 0, 0, 6), completion));
            assertEquals(Rule.V33, completion.rule());
        }
    }

    @Test
    void shouldHaveNoPasidsInLegacyMode() {
        Completion completion = new Completion();
        for (int type = 6; type <= 8; type++) {
            assertEquals(Errno.EOPNOTSUPP.code(), toLegacy().rewrite(ofTheDomain(type, 0), completion));
            assertEquals(Rule.V24, completion.rule());
        }
        assertEquals(0, toLegacy().rewrite(ofTheDomain(0x22, 0), completion));
        assertEquals(Fidelity.EXACT, toLegacy().fidelity());
        assertEquals(
                Errno.EOPNOTSUPP.code(), toLegacy().rewrite(bind(BindPgtable.FLAG_FIRST_STAGE.mask()), completion));
        assertEquals("pasid", completion.field());
        assertEquals(PASID, completion.value());
    }

    private static BindRequest bind(long flags) {
        byte[] payload = BindPasid.LAYOUT.encode(
                0x1000,
                BindPgtable.REQUESTER.of(0x310) | BindPgtable.ADDRESS_WIDTH.of(48),
                0,
                BindPasid.PASID.of(PASID));
        return new BindRequest()
                .set(Uapi.BIND_PASID, VtdGeneration.EXTENDED_CONTEXT, (int) flags, payload, 0, payload.length);
    }

    @ParameterizedTest
    @MethodSource("toScalable")
    void shouldBindPasidsToTablesOfTheFirstStageOnly(Shim shim) {
        Completion completion = new Completion();
        BindRequest firstStage = bind(BindPgtable.FLAG_FIRST_STAGE.mask());
        assertEquals(0, shim.rewrite(firstStage, completion), completion::toString);
        assertEquals(shim.to(), firstStage.subVersion());
        assertEquals(Errno.EOPNOTSUPP.code(), shim.rewrite(bind(0), completion));
        assertEquals(Rule.V34, completion.rule());
        assertFalse(completion.reason().isEmpty());
    }
}

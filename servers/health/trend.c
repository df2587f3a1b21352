/* The line of Theil and Sen, and the test of Mann and Kendall: trend.h. */
#include "servers/health/trend.h"

#define PAIRS_MAX (TREND_POINTS_MAX * (TREND_POINTS_MAX - 1) / 2)
#define DEVIATIONS_SQUARED 9.0 /* three standard deviations */

static void swap(double *a, double *b) {
    double kept = *a;
    *a = *b;
    *b = kept;
}

/* Hoare's selection; the middle element as pivot keeps sorted series fast. */
double trend_median(double *values, unsigned count) {
    if (count == 0)
        return 0;
    int64_t wanted = (count - 1) / 2, low = 0, high = (int64_t)count - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        int64_t left = low, right = high;
        while (left <= right) {
            while (values[left] < pivot)
                left++;
            while (values[right] > pivot)
                right--;
            if (left <= right)
                swap(&values[left++], &values[right--]);
        }
        if (wanted <= right)
            high = right;
        else if (wanted >= left)
            low = left;
        else
            break;
    }
    return values[wanted];
}

/* S of Mann and Kendall, whose variance without a trend is n (n-1) (2n+5) / 18, less what ties take away. */
static bool rises_for_sure(int64_t rises, double ties, unsigned count) {
    double n = count;
    double variance = (n * (n - 1) * (2 * n + 5) - ties) / 18.0;
    double excess = (double)rises - 1;
    return excess > 0 && variance > 0 && excess * excess > DEVIATIONS_SQUARED * variance;
}

/* Sum of t (t-1) (2t+5) over groups of t equal values; a point counts when it is the first of its group. */
static double ties_of(const struct trend_point *points, unsigned count) {
    double ties = 0;
    for (unsigned i = 0; i < count; i++) {
        double equal = 1;
        bool is_first = true;
        for (unsigned j = 0; j < count; j++) {
            bool is_same = j != i && points[j].y == points[i].y;
            equal += is_same;
            is_first = is_first && !(is_same && j < i);
        }
        if (is_first)
            ties += equal * (equal - 1) * (2 * equal + 5);
    }
    return ties;
}

bool trend_fit(const struct trend_point *points, unsigned count, struct trend *trend) {
    static double slopes[PAIRS_MAX], offsets[TREND_POINTS_MAX]; /* one thread, and too large for a small stack */
    unsigned pairs = 0;
    int64_t rises = 0;
    if (count < TREND_POINTS_MIN || count > TREND_POINTS_MAX)
        return false;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned j = i + 1; j < count; j++) {
            if (points[j].x <= points[i].x)
                continue;
            slopes[pairs++] = (points[j].y - points[i].y) / (points[j].x - points[i].x);
            rises += (points[j].y > points[i].y) - (points[j].y < points[i].y);
        }
    }
    if (pairs == 0)
        return false;
    double slope = trend_median(slopes, pairs);
    for (unsigned i = 0; i < count; i++)
        offsets[i] = points[i].y - slope * points[i].x;
    double offset = trend_median(offsets, count);
    *trend = (struct trend){.slope = slope,
                            .level = offset + slope * points[count - 1].x,
                            .first = offset + slope * points[0].x,
                            .is_rising = slope > 0 && rises_for_sure(rises, ties_of(points, count), count)};
    return true;
}
